"""R4 on simulated mornings: receipts lost are found, mornings that go well are left alone."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from distribution.models import Severity
from distribution.service_level import receipts
from distribution.service_level.receipts import AGES, Curve, Morning, Receipts

PEOPLE, POOL, SECONDS = 2_000, 160, 120


def delay(noise: random.Random, speed: float = 1.0) -> float | None:
    """Seconds until a receipt, with some phones off at six; None: not within minutes."""
    kind = noise.random()
    if kind < 0.75:
        return speed * noise.expovariate(0.5)
    return speed * noise.expovariate(1 / 60) if kind < 0.92 else None


def simulate(seed: int, lost: Callable[[int], float] | None = None) -> Receipts:
    """One morning; `lost`: the share of receipts that never come, by the second of acceptance."""
    noise = random.Random(seed)
    speed = noise.lognormvariate(0, 0.1)
    accepted, received = [0] * SECONDS, [0] * SECONDS
    for person in range(PEOPLE):
        second = person // POOL
        accepted[second] += 1
        after = delay(noise, speed)
        if after is None or (lost and noise.random() < lost(second)):
            continue
        if (at := int(second + noise.random() + after)) < SECONDS:
            received[at] += 1
    return Receipts(accepted, received)


def a_morning(seed: int) -> Morning:
    noise = random.Random(seed)
    speed = noise.lognormvariate(0, 0.1)
    delays = [delay(noise, speed) for _ in range(PEOPLE)]
    return Morning(PEOPLE, [sum(d is not None and d <= age for d in delays) for age in AGES])


CURVE = receipts.learn(a_morning(seed) for seed in range(1000, 1014))


def found(morning: Receipts, curve: Curve = CURVE) -> dict[Severity, int]:
    """The second at which each severity is first found."""
    first: dict[Severity, int] = {}
    for second in range(1, SECONDS):
        part = Receipts(morning.accepted[:second], morning.received[:second])
        if (severity := receipts.judge(part, curve)) is not None:
            first.setdefault(severity, second)
    return first


def test_fifty_mornings_that_go_well_alarm_at_most_once():
    assert sum(bool(found(simulate(seed))) for seed in range(50)) <= 1


def test_a_tenth_and_a_third_of_the_receipts_lost_are_found_within_a_minute():
    warned = [found(simulate(seed, lambda _: 0.15)) for seed in range(10)]
    assert sum(first.get(Severity.WARNING, SECONDS) <= 60 for first in warned) >= 9
    paged = [found(simulate(seed, lambda _: 0.4)) for seed in range(10)]
    assert all(first.get(Severity.CRITICAL, SECONDS) <= 40 for first in paged)


def test_what_prometheus_is_told_is_low_when_the_rule_begins_to_find_it():
    for seed in range(3):
        morning = simulate(seed, lambda _: 0.4)
        told: dict[Severity, int] = {}
        for second in range(1, SECONDS):
            part = Receipts(morning.accepted[:second], morning.received[:second])
            for severity, seconds, below in (
                (Severity.WARNING, receipts.WARN_AFTER, receipts.WARN_BELOW),
                (Severity.CRITICAL, receipts.PAGE_AFTER, receipts.PAGE_BELOW),
            ):
                best = receipts.best_within(part, CURVE, seconds)
                if best is not None and best < below:
                    told.setdefault(severity, second)
        assert told == found(morning)
        assert len(told) == 2


def test_three_mornings_have_to_be_known():
    two = receipts.learn(a_morning(seed) for seed in range(2))
    assert found(simulate(1, lambda _: 0.9), two) == {}
    assert not receipts.learn([]).may_alert
    assert receipts.learn([]).share(60) == 0.0


@pytest.mark.parametrize(
    ("age", "share"), [(0, 0), (0.5, 0.05), (1.5, 0.15), (300, 0.9), (9e9, 0.9)]
)
def test_between_two_ages_the_share_rises_evenly(age, share):
    curve = Curve([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9], 3)
    assert curve.share(age) == pytest.approx(share)
    assert curve.share(-5) == 0


def test_it_ends_twenty_seconds_after_the_receipts_are_there():
    accepted = [100] * 10 + [0] * 110
    late = [0] * 30 + [1000] + [0] * 89
    curve = Curve([0.5] + [1.0] * 8, 3)
    judged = [
        receipts.judge(Receipts(accepted[:second], late[:second]), curve)
        for second in range(1, SECONDS)
    ]
    assert judged[28] == Severity.CRITICAL
    assert judged[31 + receipts.CLEAR_AFTER + 1 :] == [None] * (SECONDS - 33 - receipts.CLEAR_AFTER)
