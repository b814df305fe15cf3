"""Quality as Meta computes it: of a template's or number's blocks and reads over a window.

Off unless the setting `quality_window_s` is given; then a colour that a test sets lasts only until
the next look. A template's change is told by a webhook, a number's is seen by a read call only.
"""

from __future__ import annotations

from sandbox.templates.message_template import MessageTemplate
from sandbox.world.accounts import Number
from sandbox.world.world import World

LEAST_SENDS = 100  # with fewer the colour stays
RED_SHARE, YELLOW_SHARE = 0.04, 0.02  # blocks per send
FEWEST_READERS = 0.1  # of the delivered; below: YELLOW
EVERY_SENDS = 50  # how often a template is looked at


def colour(world: World, name: str, present: str) -> str:
    """The colour of a template or number (`name` is its id) now."""
    now, window = world.clock.now(), world.settings.quality_window_s
    if not window:
        return present
    sums = world.reactions.between(name, now - window, now)
    if sums.sent < LEAST_SENDS:
        return present
    if sums.block_share >= RED_SHARE:
        return "RED"
    few = sums.delivered and sums.read < FEWEST_READERS * sums.delivered
    return "YELLOW" if sums.block_share >= YELLOW_SHARE or few else "GREEN"


def rated(world: World, number: Number) -> str:
    """A number's quality, brought up to date by the look at it."""
    number.quality = colour(world, number.id, number.quality)
    return number.quality


def changed(world: World, template: MessageTemplate | None) -> str:
    """The new colour of a template that was just sent, if it is another; else empty."""
    if template is None or not world.settings.quality_window_s or template.sent % EVERY_SENDS:
        return ""
    new = colour(world, template.id, template.quality)
    return new if new != template.quality else ""
