"""`demo --serve`, as a newcomer runs it: what is there to look at, and how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.flows.promise import assert_kept_its_promise

pytestmark = [pytest.mark.any_database, pytest.mark.slow]  # on the demo's own SQLite

ROOT = Path(__file__).resolve().parents[2]
READY = "Press Ctrl-C to stop."
LOGINS = ("editor", "approver", "operator", "administrator", "viewer")
MORNINGS = 21  # and one of them was a holiday


@dataclass
class Demo:
    process: subprocess.Popen[str]
    said: str
    database: Path
    report: dict[str, Any]

    @property
    def url(self) -> str:
        return re.findall(r"Open (http://127\.0\.0\.1:\d+)/ and sign in", self.said)[0]

    @property
    def password(self) -> str:
        return re.findall(r"The password of all five: (\S+)", self.said)[0]

    def ask(self, sql: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.database, timeout=60)) as connection:
            return connection.execute(sql).fetchall()

    def signed_in(self, name: str) -> requests.Session:
        session = requests.Session()
        page = session.get(f"{self.url}/admin/login/", timeout=30)
        token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[0]
        form = {"username": name, "password": self.password, "csrfmiddlewaretoken": token}
        answer = session.post(page.url, form, timeout=30)
        assert answer.url == f"{self.url}/admin/"
        return session


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "manage.py", "demo", "--serve", "--subscribers", "600"]
    command += ["--report", str(folder / "report.json")]
    env = {
        **{k: v for k, v in os.environ.items() if not k.endswith(("DATABASE_URL", "REDIS_URL"))},
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DAYBREAK_VAR": str(folder),
    }
    pipe, both = subprocess.PIPE, subprocess.STDOUT
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=pipe, stderr=both, text=True) as it:
        assert it.stdout is not None
        lines = []
        for line in it.stdout:
            lines.append(line)
            if READY in line:
                break
        said = "".join(lines)
        assert READY in said, said
        report = json.loads((folder / "report.json").read_text())
        found = Demo(it, said, folder / "demo" / "daybreak.sqlite3", report)
        try:
            yield found
        finally:
            it.send_signal(signal.SIGINT)
            it.communicate(timeout=60)


def test_a_normal_morning(demo: Demo) -> None:
    day = demo.report

    assert_kept_its_promise(day, 600)
    assert [number["sent"] > 200 for number in day["per_number"]] == [True, True, False]
    assert day["per_number"][2]["sent"] == 0  # the backup stood by
    # What left is counted at the write (tests/phonepool/cloud_api/test_pacing.py); a busy machine
    # reads a few late and together.
    assert all(number["peak_per_second"] <= 88 for number in day["per_number"])
    assert set(day["failures"]) <= {"INVALID_NUMBER"}
    assert "Status: Completed" in demo.said
    assert "4 rows were refused" in demo.said


def test_the_root_leads_to_the_admin_on_a_port_that_is_easy_to_remember(demo: Demo) -> None:
    answer = requests.get(f"{demo.url}/", timeout=30)

    assert answer.url == f"{demo.url}/admin/login/?next=/admin/"
    assert int(demo.url.rpartition(":")[2]) in range(8000, 8100)


@pytest.mark.parametrize("name", LOGINS)
def test_every_role_has_a_login_that_works(demo: Demo, name: str) -> None:
    assert re.search(rf"^  {name} ", demo.said, re.M)

    page = demo.signed_in(name).get(f"{demo.url}/admin/", timeout=30)

    assert page.status_code == 200
    roles = dict(
        demo.ask(
            "SELECT u.username, g.name FROM auth_user u"
            " LEFT JOIN auth_user_groups ug ON ug.user_id = u.id"
            " LEFT JOIN auth_group g ON g.id = ug.group_id"
        )
    )
    assert roles[name] == (None if name == "administrator" else name.capitalize())
    superusers = demo.ask("SELECT username FROM auth_user WHERE is_superuser")
    assert superusers == [("administrator",)]


def test_there_are_weeks_of_mornings_with_all_their_deliveries(demo: Demo) -> None:
    days = demo.ask(
        "SELECT state, recipients, (SELECT count(*) FROM distribution_delivery"
        " WHERE distribution_id = d.id) FROM distribution_distribution d"
        " WHERE kind = 'DAILY' ORDER BY local_date"
    )
    states = [state for state, *_ in days]
    assert states.count("COMPLETED") == MORNINGS  # with today's
    assert states.count("CANCELLED") == 1
    assert all(recipients == rows for _, recipients, rows in days)
    assert demo.ask("SELECT count(*) FROM distribution_attempt WHERE code = 131000") > [(0,)]
    joined = demo.ask(
        "SELECT count(*) FROM subscribers_subscriber WHERE created_at >="
        " (SELECT min(planned_at) FROM distribution_distribution)"
    )
    assert joined <= [(3,)]  # of the second list; the others were there before the first morning


def test_every_promise_of_the_tables_holds(demo: Demo) -> None:
    env = {**os.environ, "DAYBREAK_VAR": str(demo.database.parent), "DATABASE_URL": ""}
    env["DJANGO_SETTINGS_MODULE"] = "config.settings"
    command = [sys.executable, "manage.py", "check_integrity"]

    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_days_ahead_have_work_for_everybody(demo: Demo) -> None:
    states = dict(
        demo.ask(
            "SELECT state, count(*) FROM distribution_content WHERE NOT is_fallback GROUP BY 1"
        )
    )
    assert {"DRAFT", "SUBMITTED", "REJECTED"} <= states.keys()
    assert demo.ask(
        "SELECT state FROM distribution_content WHERE is_fallback AND chosen_at IS NOT NULL"
        " OR is_fallback AND decided_at IS NOT NULL"
    ) == [("APPROVED",)]
    assert demo.ask("SELECT time FROM distribution_dailytime") == [("06:00:00",)]
    assert demo.ask("SELECT count(*) FROM subscribers_importjob WHERE state != 'REFUSED'") == [(2,)]
    rules = {rule for (rule,) in demo.ask("SELECT rule FROM distribution_alert")}
    assert "sla_missed" in rules


def test_an_editor_sends_a_test_to_the_staff_s_phones(demo: Demo) -> None:
    session = demo.signed_in("editor")
    ((draft,),) = demo.ask("SELECT id FROM distribution_content WHERE state = 'DRAFT'")
    where = f"{demo.url}/admin/distribution/content/{draft}/change/"
    page = session.get(where, timeout=30)

    assert "0101" in page.text  # masked, but for the last four digits
    assert "0102" in page.text
    assert "Nifty" in page.text or "Good morning" in page.text  # the template has a real text


def test_no_secret_is_an_argument_of_a_process(demo: Demo) -> None:
    children = psutil.Process(demo.process.pid).children(recursive=True)
    arguments = " ".join(word for child in children for word in child.cmdline())

    assert "sandbox" in arguments
    assert not re.search(r"--(access-token|app-secret|verify-token)", arguments)
    assert demo.password not in arguments


def test_ctrl_c_ends_it_quietly(demo: Demo) -> None:
    """The last of this module: it stops the demo."""
    demo.process.send_signal(signal.SIGINT)
    rest, _ = demo.process.communicate(timeout=60)

    assert (demo.process.returncode, rest) == (0, "Stopped.\n")
