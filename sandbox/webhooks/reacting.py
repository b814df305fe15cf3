"""What people do with a template: some block us, more if its words annoy or they know it too well.

A person who blocked us gets nothing any more: `sent`, for ever. Without `block_share` and
`fatigue_sends` only the sums are counted.
"""

from __future__ import annotations

from sandbox.behaviour.wording import annoyance
from sandbox.templates.message_template import MessageTemplate
from sandbox.webhooks.timeline import Message, Step
from sandbox.world.reactions import Sums
from sandbox.world.world import World

_MOST_TIRED = 4.0  # times as many blocks and stops, a quarter of the readers
_AFTER_READING = ("reply", "stop_word", "native_stop")


def react(world: World, message: Message, steps: list[Step]) -> list[Step]:
    """The steps as people take them, counted for the template and the number."""
    template, settings = message.template, world.settings
    if template is None or not steps or steps[0].status == "failed":
        return steps
    sums = world.reactions.at(template.id, message.accepted_at)
    of_number = world.reactions.at(message.number.id, message.accepted_at)
    template.sent += 1
    if settings.block_share or settings.fatigue_sends or template.block_share is not None:
        steps = _taken(world, message, template, steps, (sums, of_number))
    delivered = read = False
    for step in steps:  # a loop, because this is run for each message
        if step.status == "read":
            delivered = read = True
        elif step.status == "delivered":
            delivered = True
    for one in (sums, of_number):
        one.sent += 1
        one.delivered += delivered
        one.read += read
    return steps


def _taken(
    world: World,
    message: Message,
    template: MessageTemplate,
    steps: list[Step],
    counted: tuple[Sums, Sums],
) -> list[Step]:
    """The steps of a message that may be blocked, or tires."""
    settings, rng = world.settings, world.random
    arrival = next((step for step in steps if step.status in ("delivered", "read")), None)
    if arrival is None:
        return steps
    tired = 1.0
    if settings.fatigue_sends:
        tired = min(_MOST_TIRED, 2 ** (template.sent / settings.fatigue_sends))
    factor, reason = annoyance(template.text)
    share = template.block_share
    if share is None:
        share = settings.block_share * factor
    if rng.random() < share * tired:
        world.person(message.wa_id).blocked = True
        for sums in counted:
            sums.blocked += 1
            sums.reasons[template.block_reason or reason] += 1
        return [step for step in steps if step.status not in _AFTER_READING]
    if tired == 1.0:
        return steps
    return _as_tired_people_do(world, steps, arrival, tired)


def _as_tired_people_do(world: World, steps: list[Step], arrival: Step, tired: float) -> list[Step]:
    """Fewer read; of those who read, more stop."""
    rng = world.random
    if steps[-1].status in _AFTER_READING:
        return steps
    if arrival.status == "delivered" and rng.random() > 1 / tired:
        return [step for step in steps if step.status != "read"]
    if steps[-1].status == "read" and rng.random() < (tired - 1) * world.settings.stop_word_share:
        return [*steps, Step(steps[-1].after_s + 5.0 * world.settings.time_scale, "stop_word")]
    return steps
