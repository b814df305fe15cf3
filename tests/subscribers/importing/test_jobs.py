"""Imports as jobs: checked, confirmed, killed, resumed, cancelled, forgotten."""

from __future__ import annotations

from datetime import timedelta

import pytest

from subscribers.importing import jobs, upsert
from subscribers.importing.tables.records import ImportRefused
from subscribers.models import ConsentEvent, ImportFile, ImportJob, Subscriber
from tests.builders import a_subscriber
from tests.subscribers.moments import NOW
from tests.subscribers.workbooks import a_workbook

pytestmark = pytest.mark.django_db

PEOPLE = (
    "phone,name\n9812345601,Asha\n9812345602,Ravi\n12,Nobody\n9812345603,Mina\n9812345601,Twice"
)


def clock():
    return NOW


def a_job(text: str | bytes = PEOPLE, filename: str = "people.csv") -> ImportJob:
    content = text if isinstance(text, bytes) else text.encode()
    return jobs.submit(content, filename, by="esha", now=NOW)


def a_checked_job(text: str | bytes = PEOPLE) -> ImportJob:
    job = a_job(text)
    assert jobs.run(job.pk, clock=clock)
    job.refresh_from_db()
    assert job.state == "CHECKED"
    return job


def an_import(job: ImportJob) -> None:
    assert jobs.confirm(job.pk, consent_source="Form of June", by="esha", now=NOW)


def counts(job: ImportJob) -> dict[str, int]:
    job.refresh_from_db()
    return {name: count for name, count in job.counts.items() if count}


def test_a_check_counts_and_shows_rows_and_writes_nobody():
    a_subscriber(phone="+919812345602", name="Ravindra")

    job = a_checked_job()

    assert counts(job) == {"total": 5, "new": 2, "changed": 1, "refused": 2}
    assert job.samples["changed"][0]["changes"] == [["name", "Ravindra", "Ravi"]]
    assert job.samples["new"][0]["phone"] == "+91******5601"
    assert [row["line"] for row in job.samples["refused"]] == [4, 6]
    assert Subscriber.objects.count() == 1


def test_a_workbook_is_imported_by_the_same_rules():
    job = a_checked_job(a_workbook(["Mobile", "Plan"], [919812345601, "PRO"], ["12", "PRO"]))
    an_import(job)
    assert jobs.run(job.pk, clock=clock)

    assert counts(job) == {"total": 2, "new": 1, "refused": 1}
    assert Subscriber.objects.get().tier == "PRO"
    assert ConsentEvent.objects.get().notice == "Form of June"


def test_rows_are_as_new_as_their_writing_however_long_the_import_takes():
    """Who asks for what changed since a moment in between is told of what is written after it."""
    a_subscriber(phone="+919812345602", name="Ravindra")
    job = a_checked_job()
    an_import(job)
    later = NOW + timedelta(minutes=2)

    assert jobs.run(job.pk, clock=lambda: later)

    assert set(Subscriber.objects.values_list("updated_at", flat=True)) == {later}
    agreed = ConsentEvent.objects.filter(kind="OPT_IN").values_list("at", "recorded_at")
    assert set(agreed) == {(NOW.replace(microsecond=0), later)}


def test_nothing_is_imported_that_nobody_confirmed_or_without_a_consent_source():
    job = a_checked_job()

    assert not jobs.run(job.pk, clock=clock)
    with pytest.raises(ImportRefused, match="consent source"):
        jobs.confirm(job.pk, consent_source="  ", by="esha", now=NOW)
    an_import(job)
    assert not jobs.confirm(job.pk, consent_source="Again", by="esha", now=NOW)


def test_an_import_killed_between_chunks_goes_on_where_it_was(monkeypatch):
    monkeypatch.setattr(upsert, "CHUNK_ROWS", 1)
    job = a_checked_job()
    an_import(job)
    written = []

    def die(self, report, verdicts, last_line):
        written.append(last_line)
        if len(written) == 2:
            raise KeyboardInterrupt
        self.planned = self._with_chunk

    with monkeypatch.context() as patched:
        patched.setattr(jobs.ImportRecorder, "chunk_counted", die)
        with pytest.raises(KeyboardInterrupt):
            jobs.run(job.pk, clock=clock)
    assert Subscriber.objects.count() == 2
    assert jobs.waiting(NOW) == []
    later = NOW + timedelta(minutes=5)
    assert jobs.waiting(later) == [job.pk]
    assert jobs.run(job.pk, clock=lambda: later)

    assert counts(job) == {"total": 5, "new": 3, "refused": 2}
    assert (job.state, Subscriber.objects.count()) == ("DONE", 3)
    assert ConsentEvent.objects.count() == 3


def test_a_job_that_was_taken_over_writes_no_more(monkeypatch):
    monkeypatch.setattr(upsert, "CHUNK_ROWS", 1)
    job = a_checked_job()
    an_import(job)

    def steal(self, report, verdicts, last_line):
        ImportJob.objects.filter(pk=job.pk).update(runner="somebody else")

    monkeypatch.setattr(jobs.ImportRecorder, "chunk_counted", steal)

    assert not jobs.run(job.pk, clock=clock)
    assert Subscriber.objects.count() == 1
    assert ImportJob.objects.get().state == "IMPORTING"


def test_a_cancelled_import_stops_at_the_next_chunk(monkeypatch):
    monkeypatch.setattr(upsert, "CHUNK_ROWS", 1)
    job = a_checked_job()
    an_import(job)
    monkeypatch.setattr(
        jobs.ImportRecorder, "chunk_counted", lambda *_: jobs.cancel(job.pk, now=NOW)
    )

    assert not jobs.run(job.pk, clock=clock)
    assert (ImportJob.objects.get().state, Subscriber.objects.count()) == ("CANCELLED", 1)


def test_two_workers_do_not_work_on_the_same_file(monkeypatch):
    job = a_job()
    seen = []
    step = jobs._step

    def meanwhile(*arguments):
        seen.append(jobs.run(job.pk, clock=clock))
        step(*arguments)

    monkeypatch.setattr(jobs, "_step", meanwhile)

    assert jobs.run(job.pk, clock=clock)
    assert seen == [False]


def test_a_file_over_which_processes_keep_dying_is_given_up_with_a_sentence():
    job = a_job()
    ImportJob.objects.update(tries=jobs.TRIES_LIMIT)

    assert jobs.run(job.pk, clock=clock)
    job.refresh_from_db()
    assert job.state == "REFUSED"
    assert "could not be processed after several tries" in job.problem


def test_a_file_without_a_phone_column_is_refused_whole():
    job = a_job("name\nAsha\n")
    jobs.run(job.pk, clock=clock)

    job.refresh_from_db()
    assert job.state == "REFUSED"
    assert job.problem.startswith("No column for the phone number")


def test_the_refused_lines_come_back_with_reasons_and_no_formula():
    job = a_checked_job("phone,name\n12,=HYPERLINK()\n9812345601,Asha\n")

    header, row = list(jobs.refused_rows(job))

    assert header == ["Refused line", "Refused because", "phone", "name"]
    assert (row[0], row[2:]) == ("2", ["12", "'=HYPERLINK()"])
    assert row[1].startswith("phone: The number has too few digits")


def test_a_corrected_file_of_refused_lines_can_be_imported():
    job = a_checked_job("phone,name\n98123,Asha\n")
    header, row = list(jobs.refused_rows(job))
    corrected = f"{','.join(header[2:])}\n9812345601,{row[3]}\n"

    assert counts(a_checked_job(corrected)) == {"total": 1, "new": 1}


def test_old_files_are_deleted_and_what_waited_is_cancelled(settings):
    job = a_checked_job()

    assert jobs.delete_old_files(NOW + timedelta(days=settings.IMPORT_KEEP_DAYS)) == 0
    assert jobs.delete_old_files(NOW + timedelta(days=settings.IMPORT_KEEP_DAYS, hours=1)) == 1
    job.refresh_from_db()
    assert job.state == "CANCELLED"
    assert not ImportFile.objects.exists()
    with pytest.raises(ImportRefused, match="was deleted"):
        next(jobs.refused_rows(job))


@pytest.mark.parametrize(
    "filename", ["../../etc/passwd.csv", "C:\\Users\\x\\passwd.csv", "a/b/passwd.csv"]
)
def test_a_files_name_is_kept_without_its_folders(filename):
    assert a_job(filename=filename).filename == "passwd.csv"


def test_one_import_at_a_time_whoever_asks():
    first, second = (jobs.submit(PEOPLE.encode(), "a.csv", by=by, now=NOW) for by in ("a", "b"))
    ImportJob.objects.filter(pk=first.pk).update(
        lease_until=NOW + timedelta(seconds=60), runner="another process"
    )
    assert jobs.waiting(NOW) == [second.pk]
    assert not jobs.run(second.pk, clock=lambda: NOW)
    second.refresh_from_db()
    assert (second.state, second.tries) == ("CHECKING", 0)

    later = NOW + timedelta(seconds=61)  # the other process died
    assert jobs.run(second.pk, clock=lambda: later)
    assert jobs.run(first.pk, clock=lambda: later)
