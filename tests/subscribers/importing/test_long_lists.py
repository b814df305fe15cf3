"""Lists that do not fit one piece, one table of phones or the life of one process."""

from __future__ import annotations

import io
import random
from datetime import timedelta

import pytest

from subscribers.importing import jobs, recorders, stored_files
from subscribers.importing.phone_lines import FIRST_SLOTS, PhoneLines
from subscribers.importing.tables.records import ImportRefused
from subscribers.models import ImportFile, ImportJob, ImportPiece, Subscriber
from tests.subscribers.moments import NOW

ROWS = 1_200
FIRST_PHONE = 9820000000


class Killed(BaseException):
    """As a kill: nothing behind it runs."""


def a_list(rows: int = ROWS) -> str:
    lines = [f"{FIRST_PHONE + n},Person {n},{'active' if n % 3 else ''}" for n in range(rows)]
    lines += ["12,Nobody,", f"{FIRST_PHONE},Person 0,unsubscribed", f"{FIRST_PHONE + 1},Again,"]
    return "phone,name,status\n" + "\n".join(lines) + "\n\n"


def facts(job: ImportJob) -> tuple[object, ...]:
    job.refresh_from_db()
    return job.state, job.counts, job.samples, job.lines


@pytest.mark.django_db
@pytest.mark.parametrize("dies_after", [1, 2])
def test_a_check_goes_on_after_the_line_that_it_has_reached(dies_after, monkeypatch):
    monkeypatch.setattr(recorders, "PROGRESS_INTERVAL_SECONDS", -1)
    whole = jobs.submit(a_list().encode(), "people.csv", by="esha", now=NOW)
    jobs.run(whole.pk, clock=lambda: NOW)
    expected = facts(whole)
    assert expected[0] == "CHECKED"
    assert expected[1]["new"] == ROWS
    assert (expected[1]["changed"], expected[1]["refused"]) == (1, 2)

    cut = jobs.submit(a_list().encode(), "people.csv", by="esha", now=NOW)
    counted, seen = recorders.CheckRecorder.chunk_counted, []

    def die(self, report, results, last_line):
        counted(self, report, results, last_line)
        seen.append(last_line)
        if len(seen) == dies_after:
            raise Killed

    monkeypatch.setattr(recorders.CheckRecorder, "chunk_counted", die)
    with pytest.raises(Killed):
        jobs.run(cut.pk, clock=lambda: NOW)
    cut.refresh_from_db()
    assert (cut.state, cut.last_line) == ("CHECKING", seen[-1])
    assert 0 < jobs.progress(cut) < 100

    checked = []
    monkeypatch.setattr(
        recorders.CheckRecorder,
        "chunk_counted",
        lambda self, report, results, last_line: (
            checked.append(last_line),
            counted(self, report, results, last_line),
        ),
    )
    jobs.run(cut.pk, clock=lambda: NOW + timedelta(hours=1))
    assert facts(cut) == expected
    assert min(checked) > seen[-1]


@pytest.mark.django_db
def test_a_file_of_many_pieces_is_read_erased_and_deleted_as_one(monkeypatch):
    monkeypatch.setattr(stored_files, "PIECE_BYTES", 1_000)
    text = a_list()
    job = jobs.submit(io.BytesIO(text.encode()), "people.csv", by="esha", now=NOW)
    file = ImportFile.objects.get()
    assert file.pieces == ImportPiece.objects.count() == len(text) // 1_000
    with stored_files.opened(job) as opened:
        assert opened.read().decode() == text
    assert "".join(stored_files.texts(file)) == text
    assert all(part[-1:] in ("\n", "") for part in stored_files.texts(file))
    assert stored_files.kept_bytes("esha") == (len(text), len(text))
    assert stored_files.kept_bytes("another") == (len(text), 0)

    jobs.run(job.pk, clock=lambda: NOW)
    jobs.confirm(job.pk, consent_source="Form of June", by="esha", now=NOW)
    jobs.run(job.pk, clock=lambda: NOW)
    assert facts(job)[0] == "DONE"
    assert job.lines == text.rstrip().count("\n") + 1
    assert Subscriber.objects.count() == ROWS
    assert len(list(jobs.refused_rows(job))) == 3

    ImportPiece.objects.filter(place=5).delete()
    with pytest.raises(ImportRefused, match="was deleted"), stored_files.opened(job):
        pass
    assert jobs.delete_old_files(NOW + timedelta(days=30)) == 1
    assert not ImportFile.objects.exists()
    assert not ImportPiece.objects.exists()


def test_the_first_line_of_each_phone_is_found_however_many_there_are():
    numbers, expected = PhoneLines(), {}
    choice = random.Random(17)
    for line in range(1, 5 * FIRST_SLOTS):
        phone = choice.choice([FIRST_PHONE + line, choice.randint(1, 10**15), line // 2 + 1])
        assert numbers.first(phone, line) == expected.setdefault(phone, line)
    assert len(expected) > 2 * FIRST_SLOTS
