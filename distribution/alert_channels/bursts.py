"""When many notices go to a channel at once, they go as one digest: pure rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from distribution.models import Notification, NotificationKind

BURST = 20  # notices of a kind in a minute that go out one by one; above that, a digest

Group = list[Notification]


def groups(
    due: Sequence[Notification], recent: Mapping[str, int], kinds: Collection[str]
) -> list[Group]:
    """The due notices of a channel, oldest first, as the messages they become.

    `recent`: how many of each kind went out one by one within the last minute; `kinds` may become
    digests. A digest that was
    tried before stays as it was. Openings go before all that is due later of the same alerts, other
    digests after it.
    """
    count = Counter(row.kind for row in due if not row.digest)
    bursting = {kind for kind in kinds if count[kind] + recent.get(kind, 0) > BURST}
    found: dict[str, Group] = {}
    for row in due:
        name = row.digest or (f"new {row.kind}" if row.kind in bursting else f"one {row.pk}")
        found.setdefault(name, []).append(row)
    return sorted(found.values(), key=_place)


def _place(group: Group) -> int:
    is_opening = group[0].kind == NotificationKind.ALERT_OPENED
    return group[0].pk if is_opening else group[-1].pk
