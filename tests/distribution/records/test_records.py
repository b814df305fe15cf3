"""Signed records, from an ended distribution to an auditor with openssl and no database."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from config.staff import roles
from distribution import tasks
from distribution.models import Delivery, Distribution, RecordPart, RunRecord, Scope, State
from distribution.records import bundle, making, merkle, rows, signing, verifying
from subscribers.models import Erasure
from subscribers.people import erasure
from tests.admin.test_every_page import member
from tests.api.tokens import a_program
from tests.mornings import a_morning

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
PEOPLE = 60


@pytest.fixture(autouse=True)
def small_parts(monkeypatch, settings, tmp_path):
    monkeypatch.setattr(rows, "ROWS_PER_PART", 25)
    monkeypatch.setattr(rows, "ROWS_PER_QUERY", 10)
    settings.RECORD_KEY_FILE = str(tmp_path / "key.pem")


@pytest.fixture
def ended(db) -> Distribution:
    morning = a_morning(PEOPLE, now=NOW - timedelta(hours=1))
    Distribution.objects.update(
        state="COMPLETED", completed_at=NOW, sla_accepted=0.91, sla_delivered=0.83
    )
    morning.refresh_from_db()
    return morning


def make(now: datetime = NOW) -> RunRecord:
    assert making.make_due(now) == 1
    return RunRecord.objects.latest("pk")


def saved(record: RunRecord, folder: Path) -> Path:
    path = folder / bundle.name_of(record)
    path.write_bytes(b"".join(bundle.read(record)))
    return path


def changed(path: Path, name: str, content: bytes) -> Path:
    """A copy of the file in which one member is another."""
    copy = path.with_name("changed.zip")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(copy, "w") as new:
        for member in old.namelist():
            new.writestr(member, content if member == name else old.read(member))
    return copy


def read(path: Path, name: str) -> bytes:
    with zipfile.ZipFile(path) as file:
        return file.read(name)


def test_a_record_is_verified_by_our_command_and_its_signature_by_openssl_alone(ended, tmp_path):
    path = saved(make(), tmp_path)
    said = StringIO()
    call_command("verify_record", path, stdout=said)
    assert f"{PEOPLE} rows." in said.getvalue()
    assert "The record is whole and unchanged." in said.getvalue()

    openssl = shutil.which("openssl")
    assert openssl
    with zipfile.ZipFile(path) as file:
        file.extractall(tmp_path)
    step = "pkeyutl -verify -pubin -inkey public-key.pem -rawin -in manifest.json -sigfile"
    checked = [openssl, *step.split(), "manifest.sig"]
    assert step in read(path, bundle.HOWTO).decode()
    subprocess.run(checked, cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "manifest.json").write_bytes(read(path, "manifest.json") + b" ")
    assert subprocess.run(checked, cwd=tmp_path, capture_output=True).returncode

    manifest = json.loads(read(path, bundle.MANIFEST))
    assert manifest["deliveries"]["states"] == {
        state: Delivery.objects.filter(state=state).count()
        for state in set(Delivery.objects.values_list("state", flat=True))
    }
    assert manifest["service_level"]["accepted"] == "0.910000"
    everything = read(path, bundle.ROWS) + read(path, bundle.MANIFEST)
    for delivery in Delivery.objects.all():
        assert delivery.phone[-8:].encode() not in everything
        assert (delivery.wamid or "wamid.").encode() not in everything


def test_any_change_is_found(ended, tmp_path):
    path = saved(make(), tmp_path)
    lines = read(path, bundle.ROWS).splitlines(keepends=True)
    other = lines[3].replace(b'"batch":0', b'"batch":7')
    assert other != lines[3]
    swapped = [lines[1], lines[0], *lines[2:]]
    stranger = signing.Key(signing.Ed25519PrivateKey.generate())
    manifest = read(path, bundle.MANIFEST)
    for name, content, problem in (
        (bundle.ROWS, b"".join([*lines[:3], other, *lines[4:]]), "the root differs"),
        (bundle.ROWS, b"".join(swapped), "the root differs"),
        (bundle.ROWS, b"".join(lines[:-1]), "speaks of 60 rows, not of 59"),
        (bundle.ROWS, b"".join([b"[]\n", *lines]), "Line 1 of deliveries.jsonl can't be read"),
        (bundle.MANIFEST, manifest.replace(b'"0.910000"', b'"0.990000"'), "The signature is not"),
        (bundle.SIGNATURE, b"nothing", "The signature is not"),
        (bundle.KEY, stranger.public_pem, "The signature is not"),
        (bundle.KEY, b"no key", "The signature is not"),
        (bundle.MANIFEST, b"{}", "its manifest can't be read"),
    ):
        with pytest.raises(CommandError, match=problem):
            call_command("verify_record", changed(path, name, content), stdout=StringIO())
    for text in (b"", b"PK", path.read_bytes()[:-200]):
        (tmp_path / "broken.zip").write_bytes(text)
        with pytest.raises(CommandError, match="is no record, or is damaged"):
            call_command("verify_record", tmp_path / "broken.zip", stdout=StringIO())
    with pytest.raises(CommandError, match="not with 0000"):
        call_command("verify_record", path, "--key-id", "0000", stdout=StringIO())


def test_an_erased_person_is_gone_and_all_others_are_still_proved(ended, tmp_path):
    record = make()
    before = saved(record, tmp_path).read_bytes()
    deliveries = list(Delivery.objects.order_by("pk"))
    place = next(no for no in range(26, PEOPLE) if deliveries[no].state == State.ACCEPTED)
    delivery = deliveries[place]
    line = read(tmp_path / bundle.name_of(record), bundle.ROWS).splitlines()[place]
    Delivery.objects.filter(pk=delivery.pk).update(progress=3)
    assert delivery.subscriber is not None
    asked = erasure.request_erasure(delivery.subscriber, reason="asked", by="us", now=NOW)

    for _ in range(2):  # twice is once
        erasure.purge(Erasure.objects.get(pk=asked.pk), now=NOW + timedelta(days=2))
        Erasure.objects.update(purged_at=None)

    after = saved(record, tmp_path)
    assert after.read_bytes() != before
    found = verifying.verify(after)
    assert (found.rows, found.erased, found.problems) == (PEOPLE, 1, [])
    left = read(after, bundle.ROWS).splitlines()
    assert set(json.loads(left[place])) == {"leaf"}
    assert json.loads(line)["salt"].encode() not in b"".join(left)


def test_later_records_supersede_and_all_form_one_chain(ended, tmp_path):
    first = make()
    assert making.make_due(NOW + timedelta(hours=23)) == 0
    Delivery.objects.filter(state=State.ACCEPTED, progress=1).update(progress=2, delivered_at=NOW)
    second = make(NOW + timedelta(days=1))
    third = make(NOW + timedelta(days=9))
    assert making.make_due(NOW + timedelta(days=99)) == 0
    assert [(one.no, one.previous) for one in (first, second, third)] == [
        (1, ""),
        (2, first.digest),
        (3, second.digest),
    ]
    assert json.loads(third.manifest)["supersedes"] == second.digest
    paths = [saved(one, tmp_path) for one in (first, second, third)]
    assert not any(verifying.verify(path).problems for path in paths)
    call_command("verify_record", paths[1], "--previous", paths[0], stdout=StringIO())
    with pytest.raises(CommandError, match="the chain is broken"):
        call_command("verify_record", paths[2], "--previous", paths[0], stdout=StringIO())


def test_two_makers_make_one_record(ended, monkeypatch):
    key = signing.load()
    original = making.rows.parts

    def overtaken(distribution):
        monkeypatch.setattr(making.rows, "parts", original)
        assert making.make(distribution, key, now=NOW)
        return original(distribution)

    monkeypatch.setattr(making.rows, "parts", overtaken)
    made = making.make(ended, key, now=NOW)
    assert made is None or made.no == 2  # it saw the other's record, and follows it
    numbers = list(RunRecord.objects.order_by("no").values_list("no", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))


def test_an_unusable_key_is_said_and_nothing_is_made(ended, settings, tmp_path, caplog):
    (tmp_path / "key.pem").write_text("no key")
    assert tasks.make_records() == 0
    assert "openssl genpkey -algorithm ed25519" in caplog.text
    assert not RunRecord.objects.exists()
    settings.RECORD_KEY_FILE = str(tmp_path / "another" / "key.pem")
    assert tasks.make_records() == 1
    assert Path(settings.RECORD_KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert signing.load().public_pem.decode() == RunRecord.objects.get().public_key


def test_records_are_downloaded_on_the_page_and_by_the_api(ended, tmp_path):
    record = make()
    staff, api = member(roles.ADMINISTRATOR), a_program(Scope.READ)
    page = staff.get(reverse("admin:distribution_distribution_change", args=[ended.pk]))
    link = reverse("admin:distribution_record", args=[ended.pk, 1])
    assert link in page.content.decode()
    listed = api.get(reverse("api:records", args=[ended.pk])).json()["records"]
    assert [(row["no"], row["digest"]) for row in listed] == [(1, record.digest)]
    for answer in (staff.get(link), api.get(reverse("api:record", args=[record.pk]))):
        content = b"".join(answer.streaming_content)
        assert zipfile.ZipFile(BytesIO(content)).testzip() is None
        assert "distribution-" in answer["Content-Disposition"]
    for missing in (reverse("api:record", args=[0]), reverse("api:records", args=[0])):
        assert api.get(missing).status_code == 404
    assert RecordPart.objects.count() == 3


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=40), st.data())
def test_a_root_is_that_of_exactly_these_leaves_in_this_order(leaves, data):
    def root(of: list[bytes]) -> str:
        tree = merkle.Tree()
        for leaf in of:
            tree.add(leaf)
        return tree.root

    def plain(of: list[bytes]) -> bytes:  # as RFC 6962 defines it
        if len(of) == 1:
            return of[0]
        half = 1
        while 2 * half < len(of):
            half *= 2
        return merkle._join(plain(of[:half]), plain(of[half:]))

    assert root(leaves) == plain(leaves).hex()
    place = data.draw(st.integers(0, len(leaves) - 1))
    assert root([*leaves[:place], b"other leaf", *leaves[place + 1 :]]) != root(leaves)
    assert root([*leaves, leaves[-1]]) != root(leaves)
