"""The rules of rotation: bounds, simulated mornings, and what a simulation does not meet."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distribution.models import RotationCause
from distribution.quality import bounds, rules
from distribution.quality.rules import Action, Candidate, Counts, Past
from tests.load import rotation_simulation as simulation
from tests.load.rotation_simulation import plain, run

DAY = date(2026, 11, 29)
SEEDS = range(10)


def mornings(*hard: int, people: int = 2_000, soft: int = 0, read: int = 1_000) -> list[Counts]:
    """The mornings up to DAY on which so many people stopped."""
    first = DAY - timedelta(days=len(hard) - 1)
    return [
        Counts(first + timedelta(days=n), people, people, read, stops, soft)
        for n, stops in enumerate(hard)
    ]


def decide(primary: Candidate, *standbys: Candidate, past: Past | None = None) -> rules.Decision:
    return rules.decide(primary, standbys, past, today=DAY)


HARMFUL = Candidate(1, "GREEN", mornings(60, 60, 60))
HEALTHY = Candidate(1, "GREEN", mornings(1, 0, 1))
READY = Candidate(2, "GREEN")


@pytest.mark.parametrize(
    ("people", "events"),
    [(150, 6), (500, 16), (1_050, 29), (2_000, 51), (10_000, 224), (100_000, 2_073)],
)
def test_so_many_of_so_many_are_needed_to_be_sure_of_two_percent(people, events):
    assert bounds.needed(people, 0.02) == events
    assert bounds.lower_bound(events, people) > 0.02 >= bounds.lower_bound(events - 1, people)


@given(st.integers(1, 100_000), st.data())
def test_the_bounds_enclose_the_share_and_rise_with_it(people, data):
    events = data.draw(st.integers(0, people))
    low, high = bounds.lower_bound(events, people), bounds.upper_bound(events, people)
    assert 0 <= low <= events / people + 1e-12
    assert events / people - 1e-12 <= high <= 1
    if events < people:
        assert bounds.lower_bound(events + 1, people) > low


def test_sixty_mornings_without_harm_change_nothing():
    assert [run(simulation.HARMLESS, seed).switches for seed in SEEDS] == [[]] * len(SEEDS)
    assert all(not run(simulation.SMALL, seed).switches for seed in SEEDS)
    # What the plain percentage does to 150 people: four annoyed ones are enough.
    assert any(run(simulation.SMALL, seed, plain).switches for seed in SEEDS)


def test_a_template_that_four_percent_stop_is_changed_by_the_third_morning():
    assert all(run(simulation.STOPS, seed).switches[0] <= 3 for seed in SEEDS)


def test_silent_blocks_each_morning_are_found_by_the_eighth():
    assert all(run(simulation.SILENT, seed).switches[0] <= 8 for seed in SEEDS)


def test_silent_blocks_once_are_reported_as_not_measurable():
    for seed in SEEDS:
        told = run(simulation.ONCE, seed)
        assert not told.switches
        assert any(not rate.measurable for rate in told.rates)


def test_metas_colour_counts_more_than_our_figures():
    for colour in ("YELLOW", "RED"):
        found = decide(replace(HEALTHY, colour=colour), READY)
        assert (found.action, found.cause, found.to) == (
            Action.SWITCH,
            RotationCause.META_QUALITY,
            2,
        )


def test_nothing_is_changed_for_the_worse():
    red, resting = replace(READY, colour="RED"), replace(READY, ready=False)
    yellow, blocked = replace(READY, colour="YELLOW"), replace(HARMFUL, pk=2)
    for standby in (red, resting, yellow, blocked):
        assert decide(HARMFUL, standby).action is Action.ASK
        assert decide(HARMFUL, standby).to is None
    # Both templates of a group are RED: nothing is left to change to.
    assert decide(replace(HARMFUL, colour="RED"), red).action is Action.ASK


def test_a_second_change_within_seven_days_is_a_persons():
    for days, action in ((6, Action.ASK), (7, Action.SWITCH)):
        past = Past(DAY - timedelta(days=days), before=3, on_trial=False)
        assert decide(HARMFUL, READY, past=past).action is action


def test_a_new_template_that_is_worse_goes_back_after_three_mornings():
    new = Candidate(2, "GREEN", mornings(12, 12, 12))
    old = Candidate(1, "GREEN", [*mornings(1, 1, 1, 1, 0, 0, 0)][:4], ready=False)
    past = Past(DAY - timedelta(days=3), before=1, on_trial=True)

    found = decide(new, old, past=past)

    assert (found.action, found.cause, found.to) == (Action.SWITCH, RotationCause.WORSE, 1)
    assert decide(new, old, past=replace(past, on_trial=False)).action is not Action.SWITCH
    assert decide(replace(new, days=new.days[1:]), old, past=past).action is not Action.SWITCH
    assert decide(new, replace(old, colour="RED"), past=past).action is Action.ASK


def test_a_warning_comes_before_the_change():
    assert decide(Candidate(1, "GREEN", mornings(12, 12, 12)), READY).action is Action.WARN
    assert decide(HEALTHY, READY).action is Action.KEEP
    read = [replace(day, read=900) for day in mornings(*[0] * 10)]
    fewer = [*read[:-2], *(replace(day, read=600) for day in read[-2:])]
    assert decide(Candidate(1, "GREEN", read), READY).action is Action.KEEP
    assert decide(Candidate(1, "GREEN", fewer), READY).action is Action.WARN


def test_people_who_get_the_standby_on_different_mornings_add_up():
    """10% of each of seven mornings reach about half of the people, not 10% and not 70%."""
    days = [Counts(DAY, audience=2_000, delivered=200)] * 7
    assert rules.people_reached(days) == 1_043
    assert rules.people_reached(mornings(0, 0, 0)) == 2_000
    assert rules.people_reached([]) == 0


def test_metas_order_of_two_templates_counts_more_than_our_counts():
    worse, better = (replace(READY, blocked_more=more, compared_on=DAY) for more in (True, False))
    assert decide(HARMFUL, worse).action is Action.ASK  # it would be no improvement
    assert decide(HARMFUL, better).to == decide(HARMFUL, READY).to == READY.pk
    third = Candidate(3, "GREEN")
    assert decide(HARMFUL, worse, third).to == third.pk

    past = Past(DAY - timedelta(days=3), READY.pk, on_trial=True)
    before = replace(READY, days=mornings(0, 0, 0, 0, 0, 0, 0))
    annoying = Candidate(1, "GREEN", mornings(15, 15, 15))  # 1.1% at least: no harm by itself
    assert decide(annoying, before, past=past).cause is RotationCause.WORSE  # by our own counts
    kept = decide(annoying, replace(before, blocked_more=True, compared_on=DAY), past=past)
    assert kept.action is not Action.SWITCH  # Meta says that the one before is blocked more
    told = replace(before, blocked_more=False, compared_on=DAY)
    back = decide(HEALTHY, told, past=past)
    assert (back.action, back.cause, back.to) == (Action.SWITCH, RotationCause.WORSE, READY.pk)
    assert back.by_meta
    stale = replace(told, compared_on=past.day)  # from before the change
    assert decide(HEALTHY, stale, past=past).action is Action.KEEP
