"""What each phone number has sent of a distribution, and what keeps it from sending."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from distribution.analytics.grouped_counts import DeliveryGroup
from distribution.models import State
from distribution.runtime.text_formats import part_of, percent
from phonepool.models import Breaker, NumberState, PhoneNumber, Quality, Role
from phonepool.numbers import health


@dataclass(frozen=True, slots=True)
class NumberShare:
    """A phone number's part in a distribution and its condition now."""

    label: str
    role: str
    is_backup: bool
    condition: str  # sending, paused, stopped after failures …
    is_impaired: bool
    quality: str
    rate: float  # messages per second it can send now
    accepted: int
    delivered: int
    failed: int
    share: float | None  # 0..1 of all accepted; None while nothing is

    @property
    def percent(self) -> str:
        return percent(self.share)


def number_shares(
    groups: Sequence[DeliveryGroup], numbers: Iterable[PhoneNumber], now: datetime, *, running: bool
) -> list[NumberShare]:
    """One row for each number, primaries first. Columns sum to the whole, less deliveries without
    a number."""
    accepted: Counter[int | None] = Counter()
    delivered: Counter[int | None] = Counter()
    failed: Counter[int | None] = Counter()
    for group in groups:
        accepted[group.number_id] += group.count if group.is_accepted else 0
        delivered[group.number_id] += group.count if group.is_delivered else 0
        failed[group.number_id] += group.count if group.state == State.FAILED else 0
    total = accepted.total()
    numbers = list(numbers)
    parts = health.reduced(numbers, now)
    rows = [
        NumberShare(
            label=number.label,
            role=number.get_role_display(),
            is_backup=number.role == Role.BACKUP,
            condition=obstacle(number) or (_("sending") if running else _("ready")),
            is_impaired=number.state != NumberState.STANDBY and obstacle(number) != "",
            quality=number.quality,
            rate=_rate(number, parts, now),
            accepted=accepted[number.pk],
            delivered=delivered[number.pk],
            failed=failed[number.pk],
            share=part_of(accepted[number.pk], total),
        )
        for number in numbers
    ]
    return [row for row in rows if not row.is_backup] + [row for row in rows if row.is_backup]


def _rate(number: PhoneNumber, parts: Mapping[int, float], now: datetime) -> float:
    if number.state != NumberState.ACTIVE:
        return 0.0
    return health.effective(health.rate(number, now), parts.get(number.pk))


def obstacle(number: PhoneNumber) -> str:
    """What keeps a number from sending, in a word or two; empty when nothing does."""
    if number.verified_at is None and number.state != NumberState.DISABLED:
        return "not verified"
    if number.state == NumberState.ACTIVE and number.quality == Quality.FLAGGED:
        return _("flagged")
    if number.state == NumberState.ACTIVE and number.breaker != Breaker.CLOSED:
        return _("testing") if number.breaker == Breaker.HALF_OPEN else _("stopped after failures")
    words: dict[str, str] = {
        NumberState.ACTIVE: "",
        NumberState.STANDBY: _("on standby"),
        NumberState.RESTING: _("resting"),
    }
    return words.get(number.state, _("disabled"))
