from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest

from distribution.models import Delivery
from distribution.reporting import delivery_export
from subscribers.models import Subscriber
from subscribers.spreadsheets import FORMULA_STARTS
from tests.mornings import a_morning

NOW = datetime(2026, 11, 23, 0, 40, tzinfo=UTC)


def rows(*, full: bool = False) -> list[dict[str, str]]:
    text = "".join(delivery_export.lines(Delivery.objects.order_by("pk"), full_phones=full))
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text[1:])))


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(db, name):
    a_morning(1, now=NOW)
    Subscriber.objects.update(name=name)
    (row,) = rows(full=True)
    assert row["name"] == f"'{name}"
    assert not any(cell.startswith(FORMULA_STARTS) for cell in row.values())


def test_phones_are_masked_unless_they_may_be_seen(db):
    a_morning(3, now=NOW)
    phones = list(Delivery.objects.order_by("pk").values_list("phone", flat=True))
    assert [row["phone"] for row in rows(full=True)] == [f"'{phone}" for phone in phones]
    assert [row["phone"] for row in rows()] == [f"'+91******{phone[-4:]}" for phone in phones]


def test_reasons_are_told_in_words_with_advice(db):
    a_morning(1, now=NOW)
    Delivery.objects.update(state="FAILED", reason="undeliverable", accepted_at=None)
    (row,) = rows()
    assert (row["state"], row["reason"]) == ("FAILED", "undeliverable")
    assert row["in words"] == "not on WhatsApp or can't be reached"
    assert row["advice"].startswith("Contact them")
