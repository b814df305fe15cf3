"""Undo of an import within a day: whom it added goes, whoever was touched since stays."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings

from distribution.models import Delivery
from subscribers import tasks
from subscribers.consent.preferences import apply_preferences
from subscribers.consent.suppressions import Preference
from subscribers.importing import jobs, provenance, undo, undo_rules
from subscribers.importing.undo import UndoRefused
from subscribers.models import (
    ConsentEvent,
    ImportedPerson,
    ImportJob,
    ImportUndo,
    Status,
    Subscriber,
    Suppression,
)
from subscribers.people import corrections
from tests.builders import a_subscriber, an_open_distribution
from tests.subscribers.decide import pause
from tests.subscribers.imports import run as import_directly
from tests.subscribers.moments import NOW

pytestmark = pytest.mark.django_db

LIST = "phone,name\n9812345601,Asha\n9812345602,Ravi\n9812345603,Mina\n"
LATER = NOW + timedelta(hours=3)
PHONES = [f"+91981234560{n}" for n in (1, 2, 3)]


def imported(text: str = LIST, filename: str = "june.csv", *, at=NOW) -> ImportJob:
    job = jobs.submit(text.encode(), filename, by="esha", now=at, consent_source="Form of June")
    assert jobs.run(job.pk, clock=lambda: at)
    job.refresh_from_db()
    assert job.state == "DONE"
    return job


def undone(job: ImportJob, *, at=LATER) -> ImportUndo:
    asked = undo.request(job, reason="wrong list", by="esha", now=at)
    assert undo.run(asked.pk, clock=lambda: at)
    asked.refresh_from_db()
    assert asked.ended_at == at
    return asked


def phones() -> list[str]:
    return list(Subscriber.objects.existing().order_by("pk").values_list("phone", flat=True))


def person(number: int) -> Subscriber:
    return Subscriber.objects.get(phone=f"+91981234560{number}")


def a_stop(phone: str, *, at=LATER, wants: bool = False) -> Preference:
    return Preference(phone, wants, "whatsapp:STOP", f"wamid.{phone}", at)


def test_the_people_whom_an_import_added_are_removed_and_leave_nothing_but_their_consent():
    a_subscriber(phone="+919800000001", name="Before")
    job = imported()
    ids = list(Subscriber.objects.filter(phone__in=PHONES).values_list("pk", flat=True))

    asked = undone(job)

    assert (asked.people, asked.removed, asked.kept) == (3, 3, {})
    assert phones() == ["+919800000001"]
    job.refresh_from_db()
    assert "Asha" not in str(job.samples)
    left = Subscriber.objects.filter(pk__in=ids)
    assert set(left.values_list("name", "email", "status")) == {("", "", Status.UNSUBSCRIBED)}
    assert [row.attributes for row in left] == [{}, {}, {}]
    events = ConsentEvent.objects.filter(subscriber__in=ids).order_by("subscriber", "pk")
    assert list(events.values_list("kind", "source", "actor")) == 3 * [
        ("OPT_IN", "import:june.csv", "esha"),
        ("OPT_OUT", "import undone", "esha"),
    ]


def test_the_same_file_can_be_imported_again():
    job = imported()
    undone(job)

    again = imported(at=LATER)

    assert again.counts["new"] == 3
    assert phones() == PHONES
    assert Subscriber.objects.eligible().count() == 3
    assert undone(again).removed == 3


def test_whoever_was_touched_since_stays_with_the_reason():
    rows = "".join(f"98123456{n:02},P{n}\n" for n in range(1, 8))
    distribution = an_open_distribution(0)
    job = imported(f"phone,name\n{rows}")
    pk = Subscriber.objects.get(phone="+919812345601").pk
    Delivery.objects.create(
        distribution=distribution,
        subscriber_id=pk,
        phone="+919812345601",
        tier="BASIC",
        batch_no=0,
        next_at=NOW,
    )
    apply_preferences([a_stop("+919812345602")], now=LATER)
    corrections.change(person(3).pk, {"name": "Corrected"}, {}, now=LATER)
    pause(person(4), source="admin:esha", at=LATER, now=LATER)
    imported("phone\n9812345605\n", "july.csv", at=LATER)  # changes nothing
    import_directly("phone\n9812345606\n", now=LATER)

    shown = undo_rules.preview(job)
    asked = undone(job)

    assert shown.removed == asked.removed == 1
    assert shown.kept == asked.kept == {"messaged": 1, "opted_out": 1, "changed": 2, "named": 2}
    assert shown.first.rows == [("+919812345607", "P7")]
    assert phones() == [f"+919812345{n}" for n in (601, 602, 603, 604, 605, 606)]
    assert Subscriber.objects.get(phone="+919812345602").status == Status.UNSUBSCRIBED


def test_who_is_unsubscribed_in_the_file_or_said_stop_before_stays():
    apply_preferences([a_stop("+919812345601", at=NOW - timedelta(days=1))], now=NOW)
    job = imported("phone,status\n9812345601,\n9812345602,unsubscribed\n9812345603,paused\n")

    asked = undone(job)

    assert (asked.removed, asked.kept) == (1, {"opted_out": 2})
    assert phones() == PHONES[:2]


def test_what_the_import_changed_in_others_is_not_undone_and_the_preview_says_so():
    a_subscriber(phone=PHONES[0], name="Old name")
    job = imported()

    assert undo_rules.preview(job).not_undone == 1
    undone(job)

    assert list(Subscriber.objects.existing().values_list("phone", "name")) == [(PHONES[0], "Asha")]


def test_an_undo_is_asked_for_once():
    job = imported()
    undone(job)

    with pytest.raises(UndoRefused, match="already undone"):
        undo.request(job, reason="again", by="esha", now=LATER)
    assert undo.waiting(LATER + timedelta(days=1)) == []


def test_a_day_after_its_end_an_import_stays():
    job = imported()
    on_time, late = (NOW + timedelta(hours=24, seconds=second) for second in (0, 1))

    assert undo_rules.objection(job, now=on_time) == ""
    with pytest.raises(UndoRefused, match="within 24 hours"):
        undo.request(job, reason="late", by="esha", now=late)


def test_only_what_has_ended_and_added_somebody_can_be_undone():
    waits = jobs.submit(LIST.encode(), "june.csv", by="esha", now=NOW)
    assert "has ended" in undo_rules.objection(waits, now=NOW)
    a_subscriber(phone=PHONES[0], name="Asha")
    nobody = imported("phone,name\n9812345601,Asha\n")
    assert "added nobody" in undo_rules.objection(nobody, now=NOW)


def test_what_a_stopped_import_had_added_can_be_undone():
    many = "".join(f"98{n:08},P\n" for n in range(1_200))
    source = "Form of June"
    job = jobs.submit(
        f"phone,name\n{many}".encode(), "m.csv", by="e", now=NOW, consent_source=source
    )
    written = jobs.ImportRecorder.chunk_counted
    try:
        jobs.ImportRecorder.chunk_counted = lambda *_: jobs.cancel(job.pk, now=NOW)
        jobs.run(job.pk, clock=lambda: NOW)
    finally:
        jobs.ImportRecorder.chunk_counted = written
    job.refresh_from_db()
    assert (job.state, Subscriber.objects.count()) == ("CANCELLED", 500)

    assert undone(job).removed == 500
    assert phones() == []


def test_an_undo_whose_process_died_is_gone_on_with(monkeypatch):
    job = imported("phone,name\n" + "".join(f"98{n:08},P\n" for n in range(1_200)))
    asked = undo.request(job, reason="wrong list", by="esha", now=LATER)
    batches = undo._next_facts

    def die_in_the_third(row, now):
        if row.last_subscriber and row.removed == 1_000:
            raise SystemExit
        return batches(row, now)

    with monkeypatch.context() as patched:
        patched.setattr(undo, "_next_facts", die_in_the_third)
        with pytest.raises(SystemExit):
            undo.run(asked.pk, clock=lambda: LATER)
    asked.refresh_from_db()
    assert undo.progress(asked) == undo.Progress("UNDOING", 83, 1_000, {})
    assert undo.waiting(LATER) == []
    later = LATER + timedelta(seconds=settings.IMPORT_LEASE_SECONDS + 1)
    assert undo.waiting(later) == [asked.pk]

    assert undo.run(asked.pk, clock=lambda: later)
    asked.refresh_from_db()
    assert undo.progress(asked) == undo.Progress("UNDONE", 100, 1_200, {})
    withdrawn = ConsentEvent.objects.filter(source=undo.SOURCE)
    assert withdrawn.count() == withdrawn.values("subscriber").distinct().count() == 1_200


def test_the_worker_does_what_was_asked_for():
    job = imported(at=NOW)
    undo.request(job, reason="wrong list", by="esha", now=NOW)

    assert tasks.tend_imports() == 1

    assert phones() == []
    assert tasks.tend_imports() == 0


def test_a_stop_that_was_matched_before_the_removal_outlasts_the_row(monkeypatch):
    job = imported()
    asked = undo.request(job, reason="wrong list", by="esha", now=LATER)
    find = apply_preferences.__globals__["matching"].find

    def find_and_undo(contacts):
        found = find(contacts)
        undo.run(asked.pk, clock=lambda: LATER)
        return found

    monkeypatch.setattr(apply_preferences.__globals__["matching"], "find", find_and_undo)
    apply_preferences([a_stop(PHONES[0]), a_stop(PHONES[1], wants=True)], now=LATER)
    monkeypatch.undo()

    assert Suppression.objects.get(holds=True).phone == PHONES[0]
    assert not Subscriber.objects.eligible().exists()  # a START wakes no empty row
    again = imported(at=LATER + timedelta(minutes=1))
    assert (again.counts["new"], again.counts["kept_opted_out"]) == (2, 1)
    assert person(1).status == Status.UNSUBSCRIBED


def test_a_correction_that_was_under_way_writes_nothing_about_who_was_removed():
    job = imported()
    pk = person(1).pk
    undone(job)

    with pytest.raises(corrections.ErasureRequested):
        corrections.change(pk, {"name": "Asha"}, {}, now=LATER)


def test_what_no_undo_asks_any_more_is_forgotten(monkeypatch):
    monkeypatch.setattr(provenance, "DELETED_TOGETHER", 2)
    imported()
    import_directly("phone\n9812345601\n", now=LATER)
    kept_for = provenance.RECORDED_FOR + timedelta(seconds=1)
    assert ImportedPerson.objects.count() == 4

    assert provenance.forget_old(NOW + provenance.RECORDED_FOR) == 0
    assert provenance.forget_old(NOW + kept_for) == 4
    assert ImportedPerson.objects.count() == 0
