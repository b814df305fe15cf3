from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox.journal import Journal
from tests.sandbox.harness import ONE, SandboxProcess, start, wait_for


@pytest.fixture(params=["temporary", "file"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Journal:
    return Journal("" if request.param == "temporary" else str(tmp_path / "j.jsonl"))


def test_lines_are_numbered_from_one(journal: Journal) -> None:
    words = ("one", "two", "three", "four")
    assert [journal.append(f'"n":"{word}"') for word in words] == [1, 2, 3, 4]
    assert journal.last_seq == 4

    def after(since: int, limit: int) -> list[tuple[int, str]]:
        entries = map(json.loads, journal.after(since, limit))
        return [(entry["seq"], entry["n"]) for entry in entries]

    assert after(0, 4) == [(1, "one"), (2, "two"), (3, "three"), (4, "four")]
    assert after(1, 2) == [(2, "two"), (3, "three")]
    assert after(3, 6) == [(4, "four")]
    assert after(4, 5) == []


def test_a_long_journal_is_read_in_parts(tmp_path: Path) -> None:
    """Into the file and out of it, and never whole in memory."""
    path = tmp_path / "j.jsonl"
    lines = [f'{{"seq":{seq},"to":"{seq}"}}' for seq in range(1, 1204)]
    path.write_text("".join(line + "\n" for line in lines))
    sandbox = start("--journal", str(path))
    try:
        whole = sandbox.ask("GET", "journal")
        assert whole.json()["entries"] == [json.loads(line) for line in lines]
        assert "Content-Length" not in whole.headers
        plain = sandbox.ask("GET", "journal", since=1, limit=1001, format="jsonl")
        assert plain.text.splitlines() == lines[1:1002]
        assert sandbox.control("GET", "journal", since=1203)["entries"] == []
        assert sandbox.ask("GET", "journal", since=1203, format="jsonl").content == b""
    finally:
        sandbox.stop()


def test_a_second_sandbox_goes_on_in_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "j.jsonl"
    first = Journal(str(path))
    assert [first.append('"to":"1"'), first.append('"to":"2"')] == [1, 2]
    path.write_bytes(path.read_bytes() + b'{"seq":3,"to":"ha')  # power lost in mid-line
    second = Journal(str(path))
    assert second.append('"to":"3"') == 3
    assert [json.loads(line)["to"] for line in second.after(0, 10)] == ["1", "2", "3"]
    assert len(path.read_bytes().splitlines()) == 3


def test_forgetting_hides_and_never_unwrites(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    journal = Journal(str(path))
    for number in range(5):
        journal.append(f'"n":{number}')
    journal.hide_entries()
    journal.append('"n":5')
    assert [json.loads(line) for line in journal.after(0, 10)] == [{"seq": 6, "n": 5}]
    assert len(path.read_bytes().splitlines()) == 6


def test_the_endpoint_gives_what_came_after(sandbox: SandboxProcess) -> None:
    for place in range(4):
        sandbox.send(f"+91981234567{place}")
    first = sandbox.journal()[0]["seq"]
    answer = sandbox.control("GET", "journal", since=first, limit=2)
    assert [entry["seq"] for entry in answer["entries"]] == [first + 1, first + 2]
    assert answer["last_seq"] == first + 3
    plain = sandbox.ask("GET", "journal", since=first + 2, format="jsonl").text
    assert [json.loads(line)["to"] for line in plain.splitlines()] == ["919812345673"]
    sandbox.control("DELETE", "journal")
    assert sandbox.journal() == []
    sandbox.send("+919812345679")
    assert [entry["seq"] for entry in sandbox.journal()] == [first + 4]


def test_a_killed_sandbox_loses_no_line_it_answered(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    sandbox = start("--journal", str(path))
    people = [f"9198123456{n:02d}" for n in range(30)]
    wamids = [sandbox.send("+" + to).json()["messages"][0]["id"] for to in people]
    sandbox.process.kill()
    sandbox.process.wait(10)
    sandbox.stop()
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    assert [entry["wamid"] for entry in entries] == wamids
    again = start("--journal", str(path))
    try:
        again.send("+919812345699")
        assert [entry["to"] for entry in again.journal()] == [*people, "919812345699"]
        assert len({entry["wamid"] for entry in again.journal()}) == 31
        assert again.stats()["numbers"][ONE]["accepted"] == 1
    finally:
        assert again.stop() == 0
    assert wait_for(lambda: len(path.read_text().splitlines()) == 31)
