"""The pages of costs and rates over HTTP."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from distribution.analytics import rollups
from distribution.models import Cost, Rate
from tests.builders import a_number, a_waba, some_subscribers
from tests.distribution.cost_days import SIX, a_morning, attempt_of, end
from tests.distribution.staff import a_client
from tests.webhooks.posts import NUMBER, apply, status, statuses

pytestmark = pytest.mark.django_db
PAGE, CSV = "/admin/distribution/rate/costs/", "/admin/distribution/rate/costs.csv"
IMPORT = "/admin/distribution/rate/import/"
BLOCK = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "utility"}
HEADER = "market,prefix,category,price,currency,valid_from,source\n"


@pytest.fixture
def morning(time_machine: Any) -> None:
    """Two people were charged, one was not."""
    time_machine.move_to(SIX, tick=False)
    number = a_number(meta_id=NUMBER, label="one", waba=a_waba(currency="INR"))
    people = [*some_subscribers(2, tier="PRO"), *some_subscribers(1)]
    distribution = a_morning(people, [number], at=SIX)
    rows = distribution.deliveries.order_by("pk")
    items = [
        status("delivered", attempt_of(row), at=SIX, wamid=f"w{row.pk}", pricing=BLOCK)
        for row in rows[:2]
    ]
    items.append(status("read", attempt_of(rows[2]), at=SIX, wamid="w"))
    apply(statuses(*items), now=SIX)
    end(distribution, SIX)
    rollups.recount(distribution, now=SIX)


def text_of(page: Any) -> str:
    return " ".join(re.sub("<[^>]+>", " ", page.content.decode()).split())


@pytest.mark.parametrize(
    ("by", "row"),
    [
        ("morning", "Sun 29 Nov 2026 3 2 0 1 ₹0.08 ₹0.23 ₹0.27"),
        ("month", "Nov 2026 3 2 0 1 ₹0.08 ₹0.23 ₹0.27"),
        ("category", "utility 2 2 0 0 ₹0.12 ₹0.23 ₹0.27"),
        ("tier", "PRO 2 2 0 0 ₹0.12 ₹0.23 ₹0.27"),
        ("number", "one 3 2 0 1 ₹0.08 ₹0.23 ₹0.27"),
        ("template", "none 3 2 0 1 ₹0.08 ₹0.23 ₹0.27"),
        ("nonsense", "Sun 29 Nov 2026 3 2 0 1 ₹0.08 ₹0.23 ₹0.27"),
    ],
)
def test_the_page_has_a_row_for_each_morning_month_category(morning, by, row):
    text = text_of(a_client("Viewer").get(PAGE, {"by": by}))

    assert row in text
    assert "1 without pricing from Meta, 0 without a rate" in text


def test_the_page_costs_the_same_queries_with_more_mornings(morning, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client = a_client("Viewer")

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(PAGE).status_code == 200
        return len(captured)

    queries()
    before, row = queries(), Cost.objects.first()
    assert row is not None
    for day in range(1, 20):
        row.pk, row.morning = None, date(2026, 11, day)
        row.save()

    assert queries() == before


def test_the_file_has_exact_amounts_with_and_without_tax(morning):
    lines = b"".join(a_client("Viewer").get(CSV)).decode().splitlines()

    assert lines[-1] == "2026-11-29,3,2,0,1,0,INR,0.2300,0.2714"


def posted(client: Any, text: str, key: str = "k" * 22) -> Any:
    file = SimpleUploadedFile("rates.csv", text.encode(), "text/csv")
    return client.post(IMPORT, {"file": file, "form_key": key})


def test_an_import_adds_and_corrects_and_what_was_charged_is_corrected_too(morning):
    client = a_client("Administrator")
    lines = (
        HEADER + "India,+91,utility,0.2,INR,2025-07-01,Meta's list\n"
        "India,+91,utility,0.3,INR,2027-01-01,Meta's list\n"
    )

    answer = posted(client, lines)
    assert answer.status_code == 302
    assert "Rates: 1 added, 1 corrected, 0 unchanged." in text_of(client.get(answer.url))

    assert Rate.objects.get(category="utility", valid_from="2025-07-01").price == Decimal("0.2")
    assert Cost.objects.get(charged="CHARGED").amount == Decimal("0.4")
    assert "0.115 \\u2192 0.2" in LogEntry.objects.latest("pk").change_message

    again = posted(client, lines)
    assert again.status_code == 302
    assert LogEntry.objects.filter(change_message__contains="Rates imported").count() == 1


def test_one_wrong_line_stores_nothing_and_is_named():
    count = Rate.objects.count()
    lines = HEADER + "India,+91,utility,0.2,INR,2027-01-01,x\nIndia,91,utility,0.2,INR,2027-01-01,x"

    page = posted(a_client("Administrator"), lines)

    assert "Line 3, prefix: write a country code like +91." in text_of(page)
    assert Rate.objects.count() == count


def test_only_an_administrator_imports_rates():
    assert a_client("Operator").get(IMPORT).status_code == 403
    assert posted(a_client("Operator"), HEADER).status_code == 403
    assert reverse("admin:distribution_rate_import") == IMPORT
