"""Analytics: figures that add up, by each side, as JSON and CSV, without counting deliveries."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from distribution.analytics import rollups
from distribution.ledger import deliveries, rollup_marks
from distribution.ledger.attempts.settlements import Settlement
from distribution.lifecycle import closing
from distribution.models import Delivery, Distribution, State
from phonepool.models import PhoneNumber
from tests.api.tokens import a_program
from tests.builders import LEASE, a_number, an_open_distribution, some_subscribers

pytestmark = pytest.mark.django_db
URL = "/api/distribution/analytics"
SIX = timezone.localtime().replace(hour=6, minute=0, second=0, microsecond=0)
TODAY = timezone.localdate(SIX).isoformat()


@pytest.fixture
def morning() -> Distribution:
    """Six people: three accepted, one of them read; two failed, one skipped."""
    a_number(label="Desk one")
    for tier, language in (("PREMIUM", "hi"), ("PRO", "en"), ("BASIC", "en")):
        some_subscribers(2, tier=tier, language=language)
    distribution = an_open_distribution(now=SIX)
    Delivery.objects.filter(pk=max_pk()).update(state=State.SKIPPED, reason="opted_out")
    claim = deliveries.claim(distribution.pk, 0, limit=5, now=SIX, lease=LEASE)
    number = PhoneNumber.objects.get()
    deliveries.mark_inflight(claim, claim.deliveries, number_id=number.pk, now=SIX, lease=LEASE)
    outcomes = [State.ACCEPTED] * 3 + [State.FAILED] * 2
    deliveries.settle(
        [
            Settlement(
                claim.attempt(row),
                outcome,
                SIX,
                reason="undeliverable" if outcome == State.FAILED else "",
                wamid=f"wamid.{row.pk}",
            )
            for row, outcome in zip(claim.deliveries, outcomes, strict=True)
        ]
    )
    Delivery.objects.filter(pk=claim.deliveries[0].pk).update(progress=3)
    assert closing.complete_if_done(distribution.pk, now=SIX + timedelta(hours=1))
    rollups.refresh(SIX + timedelta(hours=1))
    return distribution


def max_pk() -> int:
    return Delivery.objects.order_by("-pk").values_list("pk", flat=True)[0]


def ask(**query: str) -> dict:
    answer = a_program("read").get(URL, {"from": TODAY, "to": TODAY, **query})
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_the_figures_of_a_day_add_up(morning):
    told = ask()

    (row,) = told["rows"]
    assert row == {
        "key": TODAY,
        "label": TODAY,
        "recipients": 6,
        "accepted": 3,
        "delivered": 1,
        "read": 1,
        "failed": 2,
        "skipped": 1,
        "unconfirmed": 0,
        "waiting": 0,
        "failures": {"undeliverable": 2},
        "skips": {"opted_out": 1},
    }
    assert {**row, "key": None, "label": "total"} == told["total"]
    assert (told["behind"], told["time_zone"]) == (0, "Asia/Kolkata")
    assert told["as_of"].startswith((SIX + timedelta(hours=1)).isoformat()[:16])


@pytest.mark.parametrize(
    ("by", "rows"),
    [
        ("tier", [("PREMIUM", 2, 2), ("PRO", 2, 1), ("BASIC", 2, 0)]),
        ("language", [("en", 4, 1), ("hi", 2, 2)]),
        ("hour", [("6", 3, 3), (None, 3, 0)]),
    ],
)
def test_each_side_takes_the_same_people_apart(morning, by, rows):
    told = ask(by=by)

    assert [(row["key"], row["recipients"], row["accepted"]) for row in told["rows"]] == rows
    assert told["total"]["recipients"] == 6


def test_numbers_and_message_templates_are_named(morning):
    labels = [row["label"] for row in ask(by="number")["rows"]]
    assert labels == ["Desk one", "none"]
    template = morning.content.message_template
    assert [row["label"] for row in ask(by="template")["rows"]] == [f"{template.name} (en)"]


def test_it_is_a_table_for_who_accepts_csv(morning):
    answer = a_program("read").get(
        URL, {"from": TODAY, "by": "tier"}, headers={"Accept": "text/csv"}
    )

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    lines = list(csv.DictReader(io.StringIO(answer.getvalue().decode())))
    assert [(line["tier"], line["accepted"]) for line in lines] == [
        *(("PREMIUM", "2"), ("PRO", "1"), ("BASIC", "0")),
    ]
    assert lines[1]["failures"] == "undeliverable:1"


def test_it_never_reads_deliveries(morning):
    program = a_program("read")
    with CaptureQueriesContext(
        connection,
    ) as asked:
        program.get(URL, {"from": TODAY, "by": "language"})

    assert not [one["sql"] for one in asked if "distribution_delivery" in one["sql"]]


def test_an_answer_kept_is_not_told_any_more_once_a_day_was_counted_anew(morning):
    assert ask()["total"]["read"] == 1
    Delivery.objects.filter(state=State.ACCEPTED).update(progress=3)
    rollups.recount(morning, now=SIX + timedelta(hours=2))

    assert ask()["total"]["read"] == 3


def test_a_question_asked_again_reads_the_figures_from_memory(morning):
    ask()
    with CaptureQueriesContext(connection) as asked:
        assert ask()["total"]["recipients"] == 6

    assert not [one["sql"] for one in asked if '"distribution_rollup"' in one["sql"]]


def test_what_is_not_counted_yet_is_said(morning):
    rollup_marks.mark_changed([morning.pk], now=SIX)
    assert ask()["behind"] == 1


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "2026-02-30"}, "from"),
        ({"from": "2026-03-01", "to": "2026-02-01"}, "from"),
        ({"from": "2020-01-01", "to": "2026-01-01"}, "from"),
        ({"by": "phone"}, "by"),
    ],
)
def test_a_question_that_makes_no_sense_is_answered_with_the_field(query, field):
    answer = a_program("read").get(URL, query)

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_the_first_day_of_all_can_be_asked_for():
    answer = a_program("read").get(URL, {"to": "0001-01-05"})
    assert (answer.status_code, answer.json()["rows"]) == (200, [])
