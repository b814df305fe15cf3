"""Exports: whole, harmless to spreadsheets, importable again, and only for those who may."""

from __future__ import annotations

import csv
import io

import openpyxl
import pytest
from django.urls import reverse

from subscribers.models import Subscriber
from subscribers.people import export as exporting
from subscribers.spreadsheets import FORMULA_STARTS, escape_formula, unescape_formula
from tests.builders import a_subscriber, some_subscribers
from tests.shown_forms import confirm, confirm_rows
from tests.subscribers.imports import counts, run
from tests.subscribers.roles import ROLES, a_client, log_messages

pytestmark = pytest.mark.django_db

LIST = "/admin/subscribers/subscriber/"
HOSTILE = (
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "=cmd|' /C calc'!A0",
    "'=1",
    "＝1+1",
    "'plain",
    '"quoted", and more',
    '="+91"',
    "plain",
)


def export(client, kind="csv", reason="audit"):
    path = next(iter(_links(client)))
    return confirm(client, path, form=kind, reason=reason)


def _links(client):
    return [reverse("admin:subscribers_subscriber_export_all")]


@pytest.mark.parametrize("text", HOSTILE)
def test_an_inert_cell_is_no_formula_and_comes_back_bare(text):
    assert not escape_formula(text).startswith(FORMULA_STARTS)
    assert (
        unescape_formula(escape_formula(text)) == text or text == "'=1"
    )  # what already was inert stays as it is


def test_what_is_exported_imports_as_unchanged():
    for number, text in enumerate(HOSTILE):
        name = text if text != "'=1" else "x"
        a_subscriber(name=name, attributes={"city": name, f"x{number}": "1"}, language="hi")
    whole = "".join(exporting.as_csv(Subscriber.objects.all()))

    report = run(whole.encode(), filename="back.csv")

    assert counts(report) == {"total": len(HOSTILE), "unchanged": len(HOSTILE)}


def test_no_cell_of_a_csv_or_a_workbook_is_a_formula():
    for text in HOSTILE:
        a_subscriber(name=text, attributes={text[:10]: text})

    rows = list(csv.reader(io.StringIO("".join(exporting.as_csv(Subscriber.objects.all()))[1:])))
    with exporting.as_xlsx(Subscriber.objects.all()) as file:
        sheet = openpyxl.load_workbook(file).active
        cells = [cell for row in sheet.iter_rows() for cell in row]

    assert len(rows) == len(HOSTILE) + 1
    assert [c for row in rows for c in row if c.startswith(FORMULA_STARTS)] == []
    assert {cell.data_type for cell in cells} <= {"s", "n", "inlineStr"}
    assert [c for c in cells if str(c.value or "").startswith(FORMULA_STARTS)] == []


@pytest.mark.parametrize("role", ROLES)
def test_only_who_may_export_does_and_it_is_written_down(role):
    a_subscriber(phone="+919812345678")
    client, may = a_client(role), role == "Administrator"

    response = export(client)

    assert response.status_code == (200 if may else 403)
    assert len(log_messages()) == (1 if may else 0)
    assert ("Export all" in client.get(LIST).content.decode()) is may
    if may:
        assert "'+919812345678" in b"".join(response).decode()
        assert '"reason": "audit"' in log_messages()[0]


def test_an_export_asks_for_a_reason_first():
    a_subscriber()
    client = a_client("Administrator")

    asked = client.get(_links(client)[0]).content.decode()
    unsaid = export(client, reason="").content.decode()

    assert "full phone numbers of 1 people" in asked
    assert "Enter a reason" in unsaid


def test_the_chosen_ones_are_exported_through_the_same_page():
    one, _other = some_subscribers(2, name="A")
    client = a_client("Administrator")
    form = {"action": "export_selected", "_selected_action": [one.pk]}

    assert 'name="reason"' in client.post(LIST, form).content.decode()
    answer = confirm_rows(client, LIST, form, form="csv", reason="x")

    rows = b"".join(answer).decode().splitlines()
    assert len(rows) == 2
    forbidden = a_client("Viewer").post(LIST, {**form, "confirmed": "yes"})
    assert "attachment" not in forbidden.headers.get("Content-Disposition", "")


def test_an_export_has_every_column_and_says_when_an_import_takes_fewer():
    """O5"""
    for prefix in ("aa", "zz"):
        a_subscriber(attributes={f"{prefix}{n}": "v" for n in range(30)})
    client = a_client("Administrator")

    asked = client.get(_links(client)[0]).content.decode()
    header = b"".join(export(client)).decode().splitlines()[0]

    assert "The file has 66 columns, all there are; one to be imported may have 50." in asked
    assert header.count(",") == 65
    assert header.endswith("zz9")


def test_an_export_of_few_columns_needs_no_remark():
    """O5"""
    a_subscriber(attributes={"city": "Pune"})

    assert exporting.columns_remark(Subscriber.objects.all()) == ""


@pytest.mark.parametrize("text", ["'=1", "''=1", "'plain"])
def test_an_apostrophe_of_ones_own_comes_back(text):
    """O5: nothing is lost by an export."""
    assert unescape_formula(escape_formula(text)) == text
