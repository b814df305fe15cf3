"""What `demo --replay` reads of a record, and what it refuses before anything is started."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from config.demo import recorded
from distribution.models import Delivery, Distribution
from distribution.records import bundle, making, signing
from tests.distribution.records.test_records import changed
from tests.mornings import a_morning

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
PEOPLE = 40


@pytest.fixture
def record(db, settings, tmp_path) -> Path:
    settings.RECORD_KEY_FILE = str(tmp_path / "key.pem")
    morning = a_morning(PEOPLE, now=NOW - timedelta(hours=1))
    Distribution.objects.update(state="COMPLETED", completed_at=NOW)
    made = making.make(Distribution.objects.get(pk=morning.pk), signing.load(), now=NOW)
    assert made is not None
    path = tmp_path / "record.zip"
    path.write_bytes(b"".join(bundle.read(made)))
    return path


def rows_of(path: Path) -> bytes:
    with zipfile.ZipFile(path) as file:
        return file.read(bundle.ROWS)


def test_a_record_says_how_each_delivery_ended_and_what_was_in_force(record, settings):
    found = recorded.read(record)

    rows = Delivery.objects.order_by("pk").values_list("state", "reason", "progress", "tier")
    assert [(*found.endings[no], found.tiers[no]) for no in range(PEOPLE)] == list(rows)
    assert found.numbers == set(
        Delivery.objects.exclude(number=None).values_list("number__label", flat=True)
    )
    assert found.settings["RETRY_DELAYS_SECONDS"] == "5,10,20"
    assert "SENDING_WINDOW_SECONDS" not in found.settings
    last = max(
        delivery.inflight_at - delivery.distribution.planned_at
        for delivery in Delivery.objects.exclude(inflight_at=None)
    )
    assert 0 < found.window_seconds - last.total_seconds() - recorded.AFTER_LAST_CALL + 1 <= 2
    assert "verified; key" in found.about
    rows_alone = record.with_name("deliveries.jsonl")
    rows_alone.write_bytes(rows_of(record))
    without = recorded.read(rows_alone)
    assert (without.endings, without.settings) == (found.endings, {})
    assert "nothing proves that they are unchanged" in without.about


def test_what_is_not_as_it_was_signed_is_not_replayed(record, tmp_path, settings):
    lines = rows_of(record).splitlines(keepends=True)
    leaves = b'{"leaf":"00"}\n' * PEOPLE
    uncalled = b'{"row":{"person":0,"state":"SKIPPED","tier":"PRO"},"salt":"00"}\n'
    other = tmp_path / "other"
    for path, problem in (
        (changed(record, bundle.ROWS, b"".join(lines[1:])), "not as it was signed.*\n.*of 40 rows"),
        (tmp_path / "none.zip", "can't be read: No such file"),
        (tmp_path, "can't be read: Is a directory"),
        (b"%PDF", "is no run record: line 1 of other can't be read. Download the record"),
        (lines[0] + b"[]\n", "line 2 of other can't be read"),
        (json.dumps({"row": {"person": 0}}).encode(), "line 1 of other can't be read"),
        (leaves, "nobody to replay: it has no rows left."),
        (uncalled, "nobody to replay: no calls were made."),
    ):
        if isinstance(path, bytes):
            other.write_bytes(path)
            path = other
        with pytest.raises(CommandError, match=problem):
            call_command("demo", "--replay", path)
    with pytest.raises(CommandError, match="from the record, not --scenario"):
        call_command("demo", "--replay", record, "--scenario", "number_lost")
    settings.VAR_DIR = tmp_path
    own = tmp_path / "demo" / "record.zip"
    with pytest.raises(CommandError, match="which is emptied: copy it first"):
        call_command("demo", "--replay", own)


def test_only_a_pause_that_ended_before_the_distribution_was_resumed():
    def manifest(closed_at: str | None) -> dict[str, object]:
        paused = {"rule": "distribution_paused", "closed_at": closed_at}
        return {
            "distribution": {"completed_at": "2026-11-23T02:00:00+00:00"},
            "alerts": [{"rule": "sla_missed", "closed_at": None}, paused],
        }

    assert recorded._was_resumed(manifest("2026-11-23T01:00:00+00:00"))
    assert not recorded._was_resumed(manifest("2026-11-23T02:00:00+00:00"))
    assert not recorded._was_resumed(manifest(None))
