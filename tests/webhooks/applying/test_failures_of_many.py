"""More shapes of failures that are nobody's own: several at once, at the window's end, after the
distribution's end, and after everybody's message was reported as sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from distribution.engine import tick
from distribution.ledger.attempts.ids import AttemptKey
from distribution.lifecycle import control
from distribution.models import Alert, Delivery, Distribution, DistributionState, State
from phonepool.models import NumberState, PhoneNumber
from subscribers.models import Subscriber
from tests.builders import a_number
from tests.distribution.controls import open_alerts, reload
from tests.webhooks.applying.test_mass_failures import report, split, states
from tests.webhooks.posts import NUMBER, apply, in_flight, status, statuses

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India
SENT_AT = NOW - timedelta(seconds=5)
pytestmark = pytest.mark.django_db(transaction=True)

MEDIA, FORMAT, RULES, UNDELIVERABLE, UNPAID, PAUSED = 131053, 132012, 132018, 131026, 131042, 132015


def report_both(
    first: dict[int, AttemptKey], second: dict[int, AttemptKey], codes: tuple[int, int]
) -> None:
    """Two failures in one webhook, one after the other by turns."""
    items = [
        status("failed", key, at=NOW, wamid=f"w{pk}", code=code)
        for pairs in zip(first.items(), second.items(), strict=True)
        for (pk, key), code in zip(pairs, codes, strict=True)
    ]
    apply(statuses(*items), now=NOW)


def test_two_reasons_at_once_give_up_nobody():
    distribution, attempts = in_flight(60, now=SENT_AT)
    report_both(*split(attempts, 30), codes=(FORMAT, RULES))

    assert reload(distribution).pause_cause == "parameter_format"
    assert states() == {State.RETRY_WAIT: 60}


def test_the_second_reason_counts_for_reports_after_the_resume_as_well():
    distribution, attempts = in_flight(80, now=SENT_AT)
    first, second, late = split(attempts, 30, 30)
    report_both(first, second, codes=(FORMAT, RULES))
    control.resume(distribution.pk, now=NOW + timedelta(seconds=10))

    report(late, RULES, now=NOW + timedelta(seconds=11))  # sent before the pause
    tick.check(NOW + timedelta(seconds=12))

    assert states() == {State.RETRY_WAIT: 80}
    assert reload(distribution).state == DistributionState.SENDING


def test_a_storm_of_undeliverable_beside_another_one_makes_nobody_invalid():
    _, attempts = in_flight(60, now=SENT_AT)
    report_both(*split(attempts, 30), codes=(FORMAT, UNDELIVERABLE))
    assert set(Subscriber.objects.values_list("unreachable_days", flat=True)) <= {0, 1}
    report(split(attempts, 30)[1], UNDELIVERABLE)

    assert not Subscriber.objects.exclude(status="ACTIVE").exists()


def test_the_account_and_the_content_fail_at_once_and_nobody_is_given_up():
    distribution, attempts = in_flight(40, now=SENT_AT)
    report_both(*split(attempts, 20), codes=(MEDIA, UNPAID))

    assert reload(distribution).state == DistributionState.PAUSED
    assert states() == {State.RETRY_WAIT: 40}


def test_all_reported_as_sent_and_then_as_failed_wait_again():
    distribution, attempts = in_flight(60, now=SENT_AT)
    report(attempts)
    report(attempts, MEDIA, now=NOW + timedelta(seconds=2))

    assert reload(distribution).pause_cause == "media_unusable"
    assert states() == {State.RETRY_WAIT: 60}


def test_what_was_held_back_and_fails_for_everybody_waits_again():
    distribution, attempts = in_flight(20, now=SENT_AT)
    Delivery.objects.update(state=State.HELD, accepted_at=SENT_AT, lease_until=None)
    report(attempts, MEDIA)

    assert reload(distribution).state == DistributionState.PAUSED
    assert states() == {State.RETRY_WAIT: 20}


def test_failures_without_a_code_for_everybody_pause():
    distribution, attempts = in_flight(20, now=SENT_AT)
    apply(statuses(*(status("failed", key, at=NOW, wamid=f"{pk}") for pk, key in attempts.items())))

    assert reload(distribution).pause_cause == "unlisted"
    assert states() == {State.RETRY_WAIT: 20}


def test_the_first_error_with_a_code_counts():
    distribution, attempts = in_flight(1, now=SENT_AT)
    ((pk, key),) = attempts.items()
    item = status("failed", key, at=NOW, wamid=f"w{pk}")
    item["errors"] = [{"title": "Something"}, None, {"code": str(UNPAID)}]
    apply(statuses(item), now=NOW)

    assert reload(distribution).pause_cause == "payment_problem"


@pytest.mark.parametrize(
    ("code", "reason"),
    [(MEDIA, "media_unusable"), (PAUSED, "template_paused"), (UNPAID, "payment_problem")],
)
def test_a_second_before_the_windows_end_all_are_skipped_with_the_reason(code, reason):
    distribution, attempts = in_flight(20, now=SENT_AT)
    Distribution.objects.update(window_end=NOW + timedelta(seconds=1))
    report(attempts, code)
    assert states() == {State.RETRY_WAIT: 20}

    tick.check(NOW + timedelta(seconds=2))

    assert reload(distribution).state == DistributionState.COMPLETED
    assert set(Delivery.objects.values_list("state", "reason")) == {("SKIPPED", reason)}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (UNPAID, "payment problem"),
        (132016, "template disabled"),
        (PAUSED, "template paused"),
        (133010, "number not registered"),
        (130429, "too fast for the phone number"),
        (MEDIA, "media unusable"),
    ],
)
def test_what_fails_for_everybody_after_the_end_is_told(code, words):
    """Everybody's message was accepted, the distribution was completed, then Meta dropped them."""
    distribution, attempts = in_flight(20, now=SENT_AT)
    report(attempts)
    Distribution.objects.update(state=DistributionState.COMPLETED, completed_at=NOW)
    report(attempts, code, now=NOW + timedelta(seconds=30))

    assert "mass_failure" in open_alerts()
    message = Alert.objects.get(rule="mass_failure").message
    assert message.startswith(f"{distribution} has ended, and 20 of ")
    assert words in message
    assert states() == {State.FAILED: 20}


@pytest.mark.parametrize(("code", "told"), [(130429, False), (UNPAID, True)])
def test_a_single_one_after_the_end_is_told_only_if_it_is_the_accounts(code, told):
    _, attempts = in_flight(20, now=SENT_AT)
    one, rest = split(attempts, 1)
    report(rest)
    Distribution.objects.update(state=DistributionState.COMPLETED, completed_at=NOW)
    report(one, code, now=NOW + timedelta(seconds=30))

    assert ("mass_failure" in open_alerts()) == told


def test_a_number_that_reaches_nobody_rests_though_a_third_of_all_is_no_storm():
    """131026 for all messages of one number of three: 33 % are below the bound of a half."""
    distribution, attempts = in_flight(90, now=SENT_AT)
    bad, second, third = split(attempts, 30, 30)
    for good in (second, third):
        Delivery.objects.filter(pk__in=good).update(number=a_number())
        report(good)

    report(bad, UNDELIVERABLE)

    assert PhoneNumber.objects.get(meta_id=NUMBER).state == NumberState.RESTING
    assert reload(distribution).state == DistributionState.SENDING
    assert states() == {State.ACCEPTED: 60, State.RETRY_WAIT: 30}
    assert not Subscriber.objects.exclude(unreachable_days=0).exists()
