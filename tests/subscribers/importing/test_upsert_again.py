"""Imports again, at once, after a crash, and of anything at all."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.core.files.uploadedfile import InMemoryUploadedFile, TemporaryUploadedFile
from django.db import connections, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from subscribers.consent import decisions as consent
from subscribers.importing import upsert
from subscribers.importing.tables.records import ImportRefused
from subscribers.importing.upsert import import_csv
from subscribers.models import ConsentEvent, Subscriber
from tests.builders import a_subscriber
from tests.subscribers.imports import LATER, counts, run
from tests.subscribers.moments import NOW

pytestmark = pytest.mark.django_db


def test_a_crash_between_chunks_is_completed_by_a_second_import(monkeypatch):
    monkeypatch.setattr(upsert, "CHUNK_ROWS", 2)
    text = "phone\n" + "".join(f"981234567{digit}\n" for digit in range(5))
    record, calls = consent.record, []

    def crash_in_the_second_chunk(decisions, *, now):
        calls.append(len(decisions))
        if len(calls) > 2:
            raise KeyboardInterrupt
        return record(decisions, now=now)

    with monkeypatch.context() as patched:
        patched.setattr(consent, "record", crash_in_the_second_chunk)
        with pytest.raises(KeyboardInterrupt):
            run(text)

    assert Subscriber.objects.count() == 2
    assert counts(run(text)) == {"total": 5, "new": 3, "unchanged": 2}
    assert ConsentEvent.objects.count() == 5


def test_an_import_that_loses_a_race_for_a_phone_tries_its_chunk_again(monkeypatch):
    insert, raced = upsert._Writer._insert, []

    def somebody_else_is_first(writer, rows, stopped):
        if not raced:
            raced.append(rows)
            a_subscriber(phone="+919812345678", name="Ravi")
            # On one connection this goes with the chunk's first try; the second one counts.
        insert(writer, rows, stopped)

    monkeypatch.setattr(upsert._Writer, "_insert", somebody_else_is_first)

    assert counts(run("phone,name\n9812345678,Asha\n")) == {"total": 1, "new": 1}
    assert ConsentEvent.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("on_postgres")  # the tests' SQLite lives in one thread's memory
def test_two_imports_at_once_end_like_one():
    text = "phone,name\n" + "".join(f"98{number:08},Person\n" for number in range(3_000))
    ready = Barrier(2)

    def import_once(order):
        lines = text.splitlines(keepends=True)
        ready.wait()
        try:
            return run("".join([lines[0], *sorted(lines[1:], reverse=order)]))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as both:
        reports = list(both.map(import_once, [False, True]))

    assert sum(report.new for report in reports) == 3_000
    assert sum(report.unchanged for report in reports) == 3_000
    assert ConsentEvent.objects.count() == Subscriber.objects.count() == 3_000


cells = st.sampled_from(
    ["9812345678", "+919812345679", "09812345670", "12", "", "Asha", "PRO", "stop", "active", '"x']
) | st.text(max_size=12)
files = st.lists(st.lists(cells, min_size=1, max_size=4).map(",".join), max_size=8).map(
    lambda lines: "\n".join(["phone,name,tier,status", *lines]).encode(errors="replace")
)


@settings(max_examples=80, deadline=None)
@given(files | st.binary(max_size=200) | st.binary(max_size=200).map(b"phone,name\n".__add__))
def test_any_bytes_are_imported_or_refused_and_a_second_time_change_nothing(data):
    with transaction.atomic():
        try:
            promised = counts(run(data, dry_run=True))
            first = counts(run(data))
            before = list(Subscriber.objects.order_by("pk").values())
            second = counts(run(data, now=LATER))
        except ImportRefused:
            return
        after = list(Subscriber.objects.order_by("pk").values())
        transaction.set_rollback(True)

    assert promised == first
    assert first.get("total", 0) == sum(first.values()) - first.get("total", 0)
    assert after == before
    assert second.get("changed", 0) == second.get("new", 0) == 0


@pytest.mark.parametrize(
    "upload",
    [
        lambda: TemporaryUploadedFile("june.csv", "text/csv", 17, None),
        lambda: InMemoryUploadedFile(io.BytesIO(), None, "june.csv", "text/csv", 17, None),
    ],
)
def test_an_uploaded_file_is_read_as_it_comes(upload):
    with upload() as file:
        file.write(b"phone\n9812345678\n")
        report = import_csv(file, consent_source="Form", now=NOW, filename=file.name)
        assert not file.closed

    assert counts(report) == {"total": 1, "new": 1}
