"""From a file to subscribers: repeatable, careful with consent, exact in its report."""

from __future__ import annotations

from datetime import timedelta

import pytest

from subscribers.importing import upsert
from subscribers.importing.tables.records import ImportRefused
from subscribers.importing.upsert import import_csv
from subscribers.models import ConsentEvent, Subscriber
from tests.builders import a_subscriber
from tests.subscribers.decide import opt_out, resume
from tests.subscribers.imports import LATER, counts, reasons, run
from tests.subscribers.moments import NOW, minute, statuses

pytestmark = pytest.mark.django_db


def test_a_new_subscriber_comes_with_the_proof_of_consent():
    report = run(
        "Name,Mobile,Plan,Language,Email,City\nAsha,98123 45678,pro,hi,a@example.in,Pune\n",
        actor="ravi",
    )

    assert counts(report) == {"total": 1, "new": 1}
    assert (report.filename, report.encoding, report.delimiter) == ("people.csv", "utf-8", ",")
    person = Subscriber.objects.get()
    assert (person.phone, person.name, person.tier) == ("+919812345678", "Asha", "PRO")
    assert (person.language, person.email, person.status) == ("hi", "a@example.in", "ACTIVE")
    assert (person.attributes, person.created_at) == ({"city": "Pune"}, NOW)
    event = person.consent_events.get()
    assert (event.kind, event.source, event.notice) == (
        "OPT_IN",
        "import:people.csv",
        "Form of June",
    )
    assert (event.actor, event.at) == ("ravi", NOW)
    assert event.evidence.startswith("OPT_IN on line 2, SHA-256 ")


@pytest.mark.parametrize("consent_source", ["", "  \n"])
def test_without_a_declared_consent_source_nothing_is_imported(consent_source):
    with pytest.raises(ImportRefused, match="Enter how these people consented"):
        run("phone\n9812345678\n", consent_source=consent_source)

    assert Subscriber.objects.count() == 0


def test_a_dry_run_needs_no_consent_source_and_writes_nothing():
    a_subscriber(phone="+919812345678", name="Asha")

    report = run(
        "phone,name\n9812345678,Usha\n9812345679,Ravi\n1,x\n", consent_source="", dry_run=True
    )

    assert counts(report) == {"total": 3, "new": 1, "changed": 1, "refused": 1}
    assert [person.name for person in Subscriber.objects.all()] == ["Asha"]
    assert ConsentEvent.objects.count() == 0


def test_a_file_of_the_header_alone_imports_nobody():
    assert counts(run("phone,name\n")) == {}


def test_the_same_file_again_changes_and_writes_nothing(django_assert_num_queries):
    text = "phone,name,city\n9812345678,Asha,Pune\n9812345679,Ravi,\n"
    run(text)

    # savepoint, read with lock, release
    with django_assert_num_queries(3):
        report = run(text, now=LATER)

    assert counts(report) == {"total": 2, "unchanged": 2}
    assert set(Subscriber.objects.values_list("updated_at", flat=True)) == {NOW}
    assert ConsentEvent.objects.count() == 2


def test_details_are_corrected_and_what_the_file_leaves_blank_stays():
    run("phone,name,city,shoe\n9812345678,Asha,Pune,38\n")

    report = run("phone,name,city\n9812345678,,Nashik\n", now=LATER)

    assert counts(report) == {"total": 1, "changed": 1}
    person = Subscriber.objects.get()
    assert (person.name, person.attributes) == ("Asha", {"city": "Nashik", "shoe": "38"})
    assert (person.created_at, person.updated_at) == (NOW, LATER)


def test_who_opted_out_stays_out_and_untouched():
    person = a_subscriber(phone="+919812345678", name="Asha")
    opt_out(person, source="whatsapp:STOP", at=minute(1), now=NOW)

    report = run("phone,name,status\n9812345678,Usha,active\n", now=LATER)

    assert counts(report) == {"total": 1, "kept_opted_out": 1}
    person.refresh_from_db()
    assert (person.status, person.name, person.updated_at) == ("UNSUBSCRIBED", "Asha", NOW)
    assert ConsentEvent.objects.count() == 1


@pytest.mark.parametrize("status", ["PAUSED", "INVALID"])
def test_who_is_paused_or_invalid_is_corrected_but_not_activated(status):
    person = a_subscriber(phone="+919812345678", status=status)

    report = run("phone,name,status\n9812345678,Asha,active\n")

    assert (counts(report), report.kept_inactive) == ({"total": 1, "changed": 1}, 1)
    person.refresh_from_db()
    assert (person.status, person.name) == (status, "Asha")


@pytest.mark.parametrize(
    ("before", "written", "after", "count"),
    [
        ("ACTIVE", "paused", "PAUSED", "changed"),
        ("ACTIVE", "invalid", "INVALID", "changed"),
        ("ACTIVE", "unsubscribed", "UNSUBSCRIBED", "changed"),
        ("PAUSED", "unsubscribed", "UNSUBSCRIBED", "changed"),
        ("INVALID", "unsubscribed", "UNSUBSCRIBED", "changed"),
        ("PAUSED", "invalid", "PAUSED", "unchanged"),
        ("INVALID", "paused", "INVALID", "unchanged"),
        ("UNSUBSCRIBED", "unsubscribed", "UNSUBSCRIBED", "unchanged"),
        ("UNSUBSCRIBED", "paused", "UNSUBSCRIBED", "kept_opted_out"),
    ],
)
def test_a_file_may_only_make_a_status_more_careful(before, written, after, count):
    a_subscriber(phone="+919812345678", status=before)
    text = f"phone,status\n9812345678,{written}\n"

    promised, report = run(text, dry_run=True), run(text)

    assert counts(report) == {"total": 1, count: 1}
    assert counts(promised) == counts(report)
    assert statuses() == [after]


@pytest.mark.parametrize(
    ("written", "status", "kinds"),
    [
        ("active", "ACTIVE", ["OPT_IN"]),
        ("paused", "PAUSED", ["OPT_IN", "PAUSE"]),
        ("invalid", "INVALID", ["OPT_IN", "UNREACHABLE"]),
        ("unsubscribed", "UNSUBSCRIBED", ["OPT_OUT"]),
    ],
)
def test_a_new_subscriber_may_come_with_a_status(written, status, kinds):
    run(f"phone,status\n9812345678,{written}\n")

    assert statuses() == [status]
    assert list(ConsentEvent.objects.order_by("pk").values_list("kind", flat=True)) == kinds


@pytest.mark.parametrize("written", ["paused", "unsubscribed"])
def test_a_file_of_the_same_name_read_later_is_other_evidence(written):
    run("phone,status\n9812345678,paused\n")
    resume(Subscriber.objects.get(), source="admin:asha", at=minute(90), now=LATER)

    report = run(f"phone,status\n9812345678,{written}\n", now=LATER + timedelta(hours=1))

    assert counts(report) == {"total": 1, "changed": 1}
    assert statuses() == [written.upper()]


def test_of_a_phone_that_stands_twice_the_first_line_counts():
    text = 'phone,name\n9812345678,"Asha\nRao"\n9812345679,Ravi\n+91 98123 45678,Usha\n'

    report = run(text)

    assert counts(report) == {"total": 3, "new": 2, "refused": 1}
    assert reasons(report) == [
        (5, "", "The phone number is on line 2 already: remove one of the two.")
    ]
    assert Subscriber.objects.get(phone="+919812345678").name == "Asha Rao"
    assert counts(run(text)) == {"total": 3, "unchanged": 2, "refused": 1}


@pytest.mark.parametrize("chunk", [1, 500])
def test_a_withdrawal_is_never_dropped_as_a_duplicate(monkeypatch, chunk):
    monkeypatch.setattr(upsert, "CHUNK_ROWS", chunk)
    text = (
        "phone,status\n9812345678,active\n9812345679,\n"
        "9812345678,stop\n9812345678,stop\n9812345678,active\n"
    )

    promised, report = run(text, dry_run=True), run(text)

    assert counts(report) == {"total": 5, "new": 2, "changed": 1, "refused": 2}
    assert counts(promised) == counts(report)
    assert statuses() == ["UNSUBSCRIBED", "ACTIVE"]
    assert counts(run(text)) == {
        "total": 5,
        "kept_opted_out": 1,
        "unchanged": 2,
        "refused": 2,
    }


def test_a_bad_row_costs_nobody_else_anything():
    text = (
        "phone,name,tier\n"
        "98123,Short,\n"
        "9812345671,Asha,\n"
        "9.81235E+11,Excel,\n"
        '9812345672,"two\nlines",\n'
        "9812345673,Ravi,gold\n"
        "9812345674,a,pro,more\n"
        "9812345675,Usha,basic\n"
    )

    report = run(text)

    assert counts(report) == {"total": 7, "new": 3, "refused": 4}
    assert [(line, column) for line, column, _ in reasons(report)] == [
        (2, "phone"),
        (4, "phone"),
        (7, "tier"),
        (8, ""),
    ]
    assert report.refusals[0].raw == "***23"


def test_the_report_keeps_the_first_refusals_and_passes_all_of_them_on(monkeypatch):
    monkeypatch.setattr(upsert, "KEPT_REFUSALS_LIMIT", 2)
    passed = []

    report = run("phone\n1\n2\n3\n", on_refusal=passed.append)

    assert (report.refused, len(report.refusals)) == (3, 2)
    assert [refusal.line for refusal in passed] == [2, 3, 4]


@pytest.mark.parametrize(
    ("filename", "source"),
    [
        ("../../etc/june.csv", "import:june.csv"),
        ("C:\\Users\\Asha\\june.csv", "import:june.csv"),
        ("june\x00\n.csv", "import:june .csv"),
        ("", "import"),
    ],
)
def test_a_file_name_is_only_a_name(filename, source):
    run("phone\n9812345678\n", filename=filename)

    assert ConsentEvent.objects.get().source == source


def test_a_path_gives_the_name_itself(tmp_path):
    path = tmp_path / "june.csv"
    path.write_text("phone\n9812345678\n")

    report = import_csv(path, consent_source="Form", now=NOW)

    assert report.filename == "june.csv"
