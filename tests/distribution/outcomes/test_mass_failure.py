"""The rule that tells a failure that hits everybody from individual ones, its false alarms and
how soon it sees a storm: seeded simulations of whole runs."""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Iterator
from statistics import median
from typing import Any

import pytest

from distribution.outcomes import mass_failure
from distribution.outcomes.mass_failure import Counted, Counts, MassFailure, Response, judge_each
from phonepool.errors import classify

PARAMETERS = classify(132000).slug
MEDIA, WRONG = classify(131053).slug, classify(100).slug
UNDELIVERABLE, CAPPED, LOST = (classify(code).slug for code in (131026, 131049, 131000))
BATCH_SIZE, RATE_PER_SECOND = 50, 80


def counts(*rows: tuple[int, str, int]) -> Counts:
    return Counter({Counted(number, reason): count for number, reason, count in rows})


def judge(windows: list[Counts], failed: list[Counted], **more: Any) -> MassFailure | None:
    """The strongest response; None: nothing is unusual."""
    return next(iter(judge_each(windows, failed, **more)), None)


def verdict(
    *rows: tuple[int, str, int], accepted: str = "", others_send: bool = False
) -> MassFailure | None:
    """Of one window in which everything that failed has just failed."""
    seen = counts(*rows)
    failed = [each for each in seen if each.reason]
    return judge([seen], failed, accepted_reason=accepted, others_send=others_send)


def pause(reason: str, failures: int, answers: int) -> MassFailure:
    return MassFailure(Response.PAUSE, reason, failures, answers)


@pytest.mark.parametrize(
    "code", [100, 131008, 131009, 131053, 132000, 132012, 132018, 1, 131000, 131021, None]
)
def test_a_first_dozen_all_alike_pauses(code):
    slug = classify(code).slug

    assert verdict((1, slug, 11)) is None
    assert verdict((1, slug, 12)) == pause(slug, 12, 12)


def test_what_cannot_be_sent_counts_as_well():
    assert verdict((1, "unsendable", 12)) == pause("unsendable", 12, 12)


@pytest.mark.parametrize(
    "code", [130429, 4, 131056, 131016, 133010, 132001, 132015, 190, 131031, 131042]
)
def test_failures_with_a_mechanism_of_their_own_are_left_to_it(code):
    assert verdict((1, classify(code).slug, 500)) is None


@pytest.mark.parametrize(
    ("failures", "answers", "pauses"),
    [(12, 87, True), (12, 88, False), (60, 1000, False), (80, 1000, True), (1100, 20_000, False)],
)
def test_a_share_pauses_from_a_lower_bound_of_five_per_cent(failures, answers, pauses):
    found = verdict((1, PARAMETERS, failures), (1, "", answers - failures))

    assert found == (pause(PARAMETERS, failures, answers) if pauses else None)


def test_not_on_whatsapp_pauses_from_a_half_and_is_told_from_a_tenth():
    """Case A12."""
    assert verdict((1, UNDELIVERABLE, 50)) == pause(UNDELIVERABLE, 50, 50)
    told = MassFailure(Response.ALERT, UNDELIVERABLE, 30, 100)
    assert verdict((1, UNDELIVERABLE, 30), (1, "", 70)) == told
    assert verdict((1, UNDELIVERABLE, 10), (1, "", 90)) is None


@pytest.mark.parametrize("code", [131049, 130472])
def test_what_meta_decides_for_each_person_never_pauses(code):
    slug = classify(code).slug

    assert verdict((1, slug, 840), (1, "", 160)) == MassFailure(Response.ALERT, slug, 840, 1000)
    assert verdict((1, slug, 300)) == MassFailure(Response.ALERT, slug, 300, 300)
    assert verdict((1, slug, 120), (1, "", 880)) is None


def test_more_than_a_tenth_of_everybody_have_not_stopped_marketing_on_one_morning():
    stopped = mass_failure.STOPPED
    assert verdict((1, stopped, 30), (1, "", 270)) is None
    assert verdict((1, stopped, 12)) == pause(stopped, 12, 12)
    assert verdict((1, stopped, 60), (1, "", 240)) == pause(stopped, 60, 300)


ACCOUNTS = {1: 10, 2: 10, 3: 20, 4: 20}


def of_accounts(*rows: tuple[int, str, int], others_send: bool = False) -> MassFailure | None:
    seen = counts(*rows)
    failed = [each for each in seen if each.reason]
    return judge([seen], failed, accounts=ACCOUNTS, others_send=others_send)


def test_the_numbers_of_one_account_rest_while_another_account_is_healthy():
    rest = MassFailure(Response.REST_NUMBER, MEDIA, 24, 24, account_numbers=(1, 2))
    assert rest.numbers == (1, 2)
    assert of_accounts((1, MEDIA, 12), (2, MEDIA, 12), (3, "", 20)) == rest
    assert of_accounts((1, MEDIA, 12), (2, MEDIA, 12), (3, "", 6), (4, "", 6)) == rest


def test_of_an_account_only_the_number_that_fails_rests():
    found = of_accounts((1, MEDIA, 12), (2, "", 12), (3, "", 12))
    assert found == MassFailure(Response.REST_NUMBER, MEDIA, 12, 12, number_id=1)


def test_what_fails_in_both_accounts_pauses():
    assert of_accounts((1, MEDIA, 12), (2, MEDIA, 12), (3, MEDIA, 12)) == pause(MEDIA, 36, 36)
    assert of_accounts((1, MEDIA, 12), (2, MEDIA, 12)) == pause(MEDIA, 24, 24)
    assert of_accounts((1, MEDIA, 12), (3, MEDIA, 12), (2, "", 12)) == pause(MEDIA, 24, 36)


def test_an_account_is_not_blamed_before_the_other_has_answered():
    assert of_accounts((1, MEDIA, 12), (2, MEDIA, 12), (3, "", 5)) is None
    assert of_accounts((1, MEDIA, 30), (2, MEDIA, 30), (3, "", 5)) == pause(MEDIA, 60, 65)


@pytest.mark.parametrize(
    ("code", "failures", "answers", "recipients", "pauses"),
    [
        pytest.param(132000, 3, 3, 5, True, id="three of three"),
        pytest.param(131053, 11, 11, 11, True, id="all of eleven"),
        pytest.param(132000, 2, 2, 2, False, id="two may be two people's"),
        pytest.param(132000, 3, 4, 5, False, id="one got it"),
        pytest.param(132000, 3, 3, 12, False, id="more are to come, which will tell"),
        pytest.param(132018, 3, 3, 5, False, id="values of these people"),
        pytest.param(131026, 3, 3, 5, False, id="not on WhatsApp"),
    ],
)
def test_a_run_of_a_few_people_pauses_when_all_fail_alike(
    code, failures, answers, recipients, pauses
):
    slug = classify(code).slug
    seen = counts((1, slug, failures), (1, "", answers - failures))
    found = judge([seen], [Counted(1, slug)], recipients=recipients)
    assert found == (pause(slug, failures, answers) if pauses else None)


def test_one_number_whose_messages_fail_rests_while_the_others_carry_on():
    found = verdict((1, MEDIA, 12), (2, "", 12), (3, "", 12))

    assert found == MassFailure(Response.REST_NUMBER, MEDIA, 12, 12, number_id=1)


def test_a_number_is_not_blamed_before_the_others_have_answered():
    assert verdict((1, MEDIA, 12), (2, "", 5)) is None
    assert verdict((1, MEDIA, 48), (2, "", 5)) == pause(MEDIA, 48, 53)
    assert verdict((1, MEDIA, 12)) == pause(MEDIA, 12, 12)
    assert verdict((1, MEDIA, 47), others_send=True) is None
    assert verdict((1, MEDIA, 48), others_send=True) == pause(MEDIA, 48, 48)
    assert verdict((1, MEDIA, 12), (2, MEDIA, 1), others_send=True) == pause(MEDIA, 13, 13)


def test_what_fails_on_all_numbers_pauses():
    assert verdict((1, MEDIA, 12), (2, MEDIA, 12), (3, MEDIA, 12)) == pause(MEDIA, 36, 36)
    assert verdict((1, MEDIA, 12), (2, MEDIA, 4), (2, "", 8)) == pause(MEDIA, 16, 24)


def test_a_number_that_rested_is_not_blamed_for_another_ones_failure():
    seen = counts((1, WRONG, 20), (2, WRONG, 1), (2, "", 60))

    assert judge([seen], [Counted(2, WRONG)]) is None
    found = judge([seen], [Counted(1, WRONG)])
    assert found is not None
    assert found.response is Response.REST_NUMBER


def test_a_storm_after_a_long_good_run_is_seen_in_the_last_minute():
    run = counts((1, "", 100_000), (1, PARAMETERS, 12))
    minute = counts((1, "", 40), (1, PARAMETERS, 12))

    assert judge([run], [Counted(1, PARAMETERS)]) is None
    assert judge([run, minute], [Counted(1, PARAMETERS)]) == pause(PARAMETERS, 12, 52)


def test_a_share_that_a_person_resumed_in_spite_of_pauses_again_only_above_a_half():
    bad_data = [(1, PARAMETERS, 200), (1, "", 800)]

    assert verdict(*bad_data) == pause(PARAMETERS, 200, 1000)
    assert verdict(*bad_data, accepted=PARAMETERS) is None
    assert verdict((1, PARAMETERS, 24), accepted=PARAMETERS) == pause(PARAMETERS, 24, 24)


def test_a_failure_taken_back_by_a_report_never_makes_a_share_above_one():
    assert verdict((1, PARAMETERS, 12), (1, "", -12)) == pause(PARAMETERS, 12, 12)


# --- simulations --------------------------------------------------------------------------------

UTILITY = {UNDELIVERABLE: 0.025, LOST: 0.002}  # reference §8.4
MARKETING = {**UTILITY, CAPPED: 0.12, "marketing_opted_out": 0.01, "marketing_experiment": 0.01}
POOR_LIST = {**UTILITY, UNDELIVERABLE: 0.1}
BAD_DATA = {**POOR_LIST, PARAMETERS: 0.005, "unsendable": 0.01, "text_too_long": 0.01}


def looks(
    people: int, shares: dict[str, float], rng: random.Random
) -> Iterator[tuple[int, MassFailure | None, int]]:
    """A run over three numbers, judged after each batch: how many were sent, what the rule says,
    and how many have failed for a watched reason."""
    reasons, weights = [*shares, ""], [*shares.values(), 1 - sum(shares.values())]
    run: Counter[Counted] = Counter()
    minute: Counter[Counted] = Counter()
    batches: deque[Counter[Counted]] = deque()
    failures = 0
    for sent in range(BATCH_SIZE, people + 1, BATCH_SIZE):
        number = sent // BATCH_SIZE % 3
        drawn = Counter(rng.choices(reasons, weights, k=BATCH_SIZE))
        batch = Counter({Counted(number, reason): count for reason, count in drawn.items()})
        failures += BATCH_SIZE - drawn[""]
        run.update(batch)
        minute.update(batch)
        batches.append(batch)
        if len(batches) > 60 * RATE_PER_SECOND / BATCH_SIZE:
            minute.subtract(batches.popleft())
        yield sent, judge([run, minute], [each for each in batch if each.reason]), failures


@pytest.mark.parametrize(
    "shares", [UTILITY, MARKETING, POOR_LIST, BAD_DATA], ids=["utility", "marketing", "poor", "bad"]
)
def test_two_hundred_healthy_runs_are_never_paused_at_any_length(shares):
    """A shorter run is the beginning of a longer one."""
    responses = Counter(
        found.response
        for seed in range(200)
        for _, found, _ in looks(20_000, shares, random.Random(seed))
        if found is not None
    )

    assert responses[Response.PAUSE] == responses[Response.REST_NUMBER] == 0


@pytest.mark.parametrize(
    ("share", "typical", "worst"), [(1.0, 50, 50), (0.5, 25, 33), (0.2, 17, 28)]
)
def test_a_storm_is_seen_after_a_few_dozen_failures(share, typical, worst):
    """How many of 2,000 have failed when it pauses: at three numbers, judged after each batch."""
    failed = []
    for seed in range(200):
        storm = {PARAMETERS: share, LOST: 0.002 * (1 - share)}
        for _, found, failures in looks(2_000, storm, random.Random(seed)):
            if found is not None and found.response is Response.PAUSE:
                failed.append(failures)
                break

    assert len(failed) == 200
    assert (median(failed), max(failed)) == (typical, worst)


def test_the_bounds_are_wilsons():
    assert mass_failure.lower_bound(12, 12) == pytest.approx(12 / (12 + 3.72**2))
    assert mass_failure.upper_bound(0, 12) == pytest.approx(1.645**2 / (12 + 1.645**2))
    assert (mass_failure.lower_bound(0, 0), mass_failure.upper_bound(0, 0)) == (0.0, 1.0)
