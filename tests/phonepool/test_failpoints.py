"""Failpoints do nothing unless a test asks, and then strike once."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from phonepool import failpoints
from phonepool.failpoints import FailpointError, failpoint

pytestmark = pytest.mark.any_database  # processes without a database


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(failpoints, "FOLDER", str(tmp_path))
    failpoints._visits.clear()
    return tmp_path


def test_without_the_variable_a_place_is_not_even_looked_at(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").write_text("raise")

    failpoint("here")

    assert failpoints.FOLDER == ""


def test_an_order_is_obeyed_once_and_only_where_it_belongs(folder):
    (folder / "here").write_text("raise")

    failpoint("elsewhere")
    with pytest.raises(FailpointError, match="here"):
        failpoint("here")
    failpoint("here")

    assert list(folder.iterdir()) == []


def test_an_order_may_wait_for_a_later_visit(folder):
    (folder / "here").write_text("raise@3")

    failpoint("here")
    failpoint("here")
    with pytest.raises(FailpointError):
        failpoint("here")


def test_a_process_that_is_to_die_dies_without_a_word(tmp_path):
    (tmp_path / "here").write_text("kill")
    code = "from phonepool.failpoints import failpoint; failpoint('here'); print('lives')"

    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"DAYBREAK_FAILPOINTS": str(tmp_path), "PATH": ""},
        capture_output=True,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGKILL, b"", b"")
