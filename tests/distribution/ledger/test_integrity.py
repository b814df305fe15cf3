from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import F, Model

from distribution.ledger import deliveries
from distribution.ledger.attempts.settlements import Settlement
from distribution.ledger.claims import Claim
from distribution.ledger.integrity.check import check_ledger
from distribution.ledger.integrity.rules import RECOVERY_TIME
from distribution.models import (
    Attempt,
    Delivery,
    Distribution,
    DistributionState,
    Duplicate,
    Kind,
    Progress,
    State,
    StatusFeed,
)
from distribution.outcomes import status_reports
from distribution.outcomes.report_rules import StatusReport
from phonepool.models import PhoneNumber
from tests.builders import LEASE, a_planned_distribution, an_open_distribution

NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
SOON = NOW + timedelta(seconds=2)
MUCH_LATER = NOW + timedelta(days=1)


def broken(now: datetime = SOON, distribution_id: int | None = None) -> dict[str, tuple[int, ...]]:
    """The ids that break each broken rule."""
    found = check_ledger(now=now, distribution_id=distribution_id)
    assert len({finding.rule for finding in found}) == len(found)
    return {finding.rule: finding.ids for finding in found if finding.broken}


def attempt(distribution: Distribution) -> Claim:
    claim = deliveries.claim(distribution.pk, 0, limit=50, now=NOW, lease=LEASE)
    number_id = PhoneNumber.objects.first().pk
    deliveries.mark_inflight(claim, claim.deliveries, number_id=number_id, now=NOW, lease=LEASE)
    return claim


def settle(claim: Claim) -> None:
    """Accepted, failed, refused for now, no answer, and accepted for the rest."""
    ends = [State.ACCEPTED, State.FAILED, State.RETRY_WAIT, State.UNKNOWN]
    ends += [State.ACCEPTED] * (len(claim.deliveries) - len(ends))
    words = {State.FAILED: "REJECTED", State.RETRY_WAIT: "REJECTED", State.UNKNOWN: "UNKNOWN"}
    deliveries.settle(
        [
            Settlement(
                claim.attempt(row),
                end,
                SOON,
                reason="" if end == State.ACCEPTED else "why",
                wamid=f"wamid.{row.pk}" if end == State.ACCEPTED else None,
                outcome=words.get(end),
                next_at=SOON if end == State.RETRY_WAIT else None,
            )
            for row, end in zip(claim.deliveries, ends, strict=True)
        ]
    )


@pytest.fixture
def distribution(db) -> Distribution:
    """Under way, with a delivery in each kind of standing and reports of some."""
    opened = an_open_distribution(8, now=NOW)
    claim = attempt(opened)
    settle(claim)
    first, *_, last = claim.deliveries
    words = ["sent", "delivered", "read"]
    status_reports.apply_reports(
        [StatusReport(word, SOON, "", claim.attempt(first)) for word in words]
        + [StatusReport("failed", SOON, "", claim.attempt(last), 131026)],
        now=SOON,
    )
    return opened


def rows(*states: State):
    return Delivery.objects.filter(state__in=states).order_by("pk")


def first(*states: State) -> Delivery:
    return rows(*states).first()


def test_all_promises_hold_of_a_distribution_under_way(distribution):
    assert broken() == {}
    assert broken(distribution_id=distribution.pk) == {}


def test_all_promises_hold_of_nothing(db):
    assert broken() == {}


READ = {"progress": Progress.READ}


@pytest.mark.parametrize(
    ("rule", "start", "change"),
    [
        ("accepted_has_proof", State.ACCEPTED, {"wamid": None, "progress": 0, "sent_at": None}),
        ("news_settles", State.UNKNOWN, {"progress": 1, "sent_at": NOW}),
        ("news_settles", State.FAILED, {"progress": 2, "sent_at": NOW, "delivered_at": NOW}),
        ("failure_settles", State.ACCEPTED, {"failed_at": NOW}),
        ("progress_has_times", State.ACCEPTED, READ),
        ("progress_has_times", State.ACCEPTED, {"progress": 1, "read_at": NOW, "sent_at": NOW}),
        ("progress_has_times", State.ACCEPTED, {"sent_at": NOW}),
        ("leases_end", State.UNKNOWN, {"state": State.INFLIGHT, "lease_until": NOW - LEASE}),
        ("leases_end", State.UNKNOWN, {"state": State.CLAIMED, "lease_until": NOW - LEASE}),
        ("doubt_has_a_time", State.UNKNOWN, {"unknown_at": None}),
        ("attempts_have_names", State.ACCEPTED, {"claim_token": None}),
        ("attempts_have_names", State.ACCEPTED, {"attempt_no": 0}),
        ("doubt_resends_once", State.UNKNOWN, {"ambiguous_no": 2}),
        ("resends_have_attempts", State.UNKNOWN, {"resend_no": 2}),
        ("resends_have_attempts", State.UNKNOWN, {"tries_charged": 2}),
        ("attempts_are_kept", State.ACCEPTED, {"attempt_no": F("attempt_no") + 2}),
        ("attempts_are_counted", State.FAILED, {"attempt_no": 0}),
        ("failures_have_evidence", State.ACCEPTED, {"state": State.FAILED, "reason": "so"}),
    ],
)
def test_a_delivery_that_breaks_a_promise_is_named(distribution, rule, start, change):
    unreported = rows(start).filter(progress=0)
    row = unreported.first()
    unreported.filter(pk=row.pk).update(**change)

    assert broken()[rule] == (row.pk,)


def test_an_attempt_with_the_name_of_another_delivery_is_named(distribution):
    row = first(State.ACCEPTED)
    name = f"daybreak:{row.pk}0.1.abc"  # begins alike
    Attempt.objects.create(delivery=row, attempt_id=name, outcome="UNKNOWN", ended_at=NOW)

    assert broken()["attempts_are_ours"] == (row.pk,)


def test_ten_of_many_are_named(distribution):
    an_open_distribution(20, now=NOW)
    everybody = list(rows(State.PENDING).order_by("pk").values_list("pk", flat=True))
    rows(State.PENDING).update(resend_no=2)

    (finding,) = [one for one in check_ledger(now=SOON) if one.broken]
    assert finding.count == len(everybody) == 28
    assert finding.ids == tuple(everybody[:10])


def test_only_the_asked_distribution_is_judged(distribution):
    other = an_open_distribution(now=NOW)
    rows(State.PENDING).filter(distribution=other).update(resend_no=2)

    assert broken(distribution_id=distribution.pk) == {}
    assert list(broken(distribution_id=other.pk)) == ["resends_have_attempts"]


# --- distributions ------------------------------------------------------------------------------


def test_a_delivery_too_many_or_too_few_is_seen(distribution):
    Distribution.objects.update(recipients=F("recipients") - 1)
    assert broken() == {"audience_is_whole": (distribution.pk,)}

    Distribution.objects.update(recipients=F("recipients") + 1, batches=2)
    assert broken() == {"audience_is_whole": (distribution.pk,)}


def test_after_the_window_nothing_is_open_any_more(distribution):
    grace = LEASE + RECOVERY_TIME
    limit = timedelta(seconds=settings.SENDING_WINDOW_SECONDS) + grace

    assert not {"window_ends_all", "windows_close"} & broken(NOW + limit).keys()
    over = broken(NOW + limit + timedelta(seconds=1))
    assert over["window_ends_all"] == over["windows_close"] == (distribution.pk,)


def test_what_was_never_begun_is_called_missed_in_time(db):
    planned = a_planned_distribution(NOW)
    limit = timedelta(seconds=settings.MAX_START_LATENESS_SECONDS) + RECOVERY_TIME

    assert broken(NOW + limit) == {}
    assert broken(NOW + limit + timedelta(seconds=1)) == {"nothing_starts_too_late": (planned.pk,)}


def test_a_completed_one_says_since_when(distribution):
    Distribution.objects.update(state=DistributionState.COMPLETED)

    assert broken() == {"ended_has_a_time": (distribution.pk,)}


def test_a_distribution_that_stands_still_is_seen(distribution):
    at = NOW + RECOVERY_TIME + timedelta(seconds=3)
    assert broken(at)["sending_moves"] == (distribution.pk,)

    rows(State.ACCEPTED).update(inflight_at=at)
    assert "sending_moves" not in broken(at)


def test_reports_are_read_while_something_is_sent(distribution):
    StatusFeed.applied(NOW - RECOVERY_TIME)
    assert list(broken()) == ["reports_are_read"]

    Distribution.objects.update(state=DistributionState.COMPLETED, completed_at=NOW)
    assert broken() == {}


def test_what_a_person_has_to_decide_breaks_no_promise(distribution):
    rows(State.UNKNOWN).update(state=State.UNCONFIRMED, reason="never_answered")
    row = first(State.UNCONFIRMED)
    Duplicate.objects.create(delivery=row, certainty="SUSPECT", found_at=NOW)

    found = [one for one in check_ledger(now=SOON) if one.count]
    assert [(one.rule, one.of, one.ids) for one in found] == [
        ("unconfirmed", "delivery", (row.pk,)),
        ("doubles_suspected", "delivery", (row.pk,)),
    ]
    assert broken() == {}


# --- what constraints forbid --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "model", "constraint", "same"),
    [
        ("one_delivery_a_person", Delivery, "delivery_once_per_subscriber", "subscriber_id"),
        ("one_delivery_a_phone", Delivery, "delivery_once_per_phone", "phone"),
        ("one_delivery_a_message", Delivery, "delivery_wamid_once", "wamid"),
        ("one_daily_a_day", Distribution, "distribution_one_daily_a_day", "local_date"),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_a_dropped_constraint_does_not_hide_a_double(rule, model, constraint, same, plain_table):
    distribution = an_open_distribution(2, now=NOW, kind=Kind.DAILY)
    settle_all(distribution)
    if model is Distribution:
        an_open_distribution(now=NOW)
    one, two = model.objects.order_by("pk")
    with without(model, constraint):
        columns = [same, "kind"] if model is Distribution else [same]
        change = {column: getattr(one, column) for column in columns}
        model.objects.filter(pk=two.pk).update(**change)
        found = broken()
        two.save()

    assert found == {rule: (one.pk,)}


@contextmanager
def without(model: type[Model], name: str) -> Iterator[None]:
    """Drop a constraint, and put it back."""
    (constraint,) = [one for one in model._meta.constraints if one.name == name]
    others = [one for one in model._meta.constraints if one is not constraint]
    # SQLite makes the table anew from what the model says.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model._meta, "constraints", others)
        with connection.schema_editor() as editor:
            editor.remove_constraint(model, constraint)
        yield
    with connection.schema_editor() as editor:
        editor.add_constraint(model, constraint)


def settle_all(distribution: Distribution) -> None:
    claim = attempt(distribution)
    deliveries.settle(
        [
            Settlement(claim.attempt(row), State.ACCEPTED, SOON, wamid=f"wamid.{row.pk}")
            for row in claim.deliveries
        ]
    )


def test_the_daily_rule_is_about_daily_ones(db):
    for day in (date(2026, 11, 23), date(2026, 11, 23)):
        a_planned_distribution(NOW, local_date=day)

    assert broken() == {}
