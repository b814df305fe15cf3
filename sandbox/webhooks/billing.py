"""Bills a message when its webhooks are planned; some statuses tell no price."""

from __future__ import annotations

from dataclasses import replace

from sandbox.webhooks.timeline import Message, Step
from sandbox.world.world import World

DELIVERED = ("delivered", "read")


def bill(world: World, message: Message, steps: list[Step]) -> list[Step]:
    """The steps to tell; what is delivered is billed for the moment in which it is."""
    share = world.settings.unpriced_share
    if share and world.random.random() < share:
        steps = [replace(step, priced=False) for step in steps]
    delivered = [step.after_s for step in steps if step.status in DELIVERED]
    if delivered:
        at = message.accepted_at + min(delivered)
        priced, number = any(step.priced for step in steps), message.number
        world.bill.charge(number.waba, number.id, message.category, at, priced=priced)
    return steps
