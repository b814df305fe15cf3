"""Whatever is wrong outside of the program: a command says so in one sentence and fails."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from celery import current_app
from django.core.exceptions import ImproperlyConfigured
from django.core.management import get_commands
from django.db import IntegrityError

from config.management import command_errors
from config.settings.environment import read_file

pytestmark = pytest.mark.any_database  # processes with an environment of their own

ROOT = Path(__file__).resolve().parents[3]
OURS = {"config", "distribution", "subscribers", "webhooks"}
SERVICES = {"keeper", "worker"}  # they wait until the database or the broker answers again
LONG_KEY = "a key that is long enough for the settings, for these tests only"
AWAY = {
    "DATABASE_URL": "postgresql://daybreak:word@127.0.0.1:9/daybreak",
    "REDIS_URL": "redis://:secret-word@127.0.0.1:9/0",
    "SECRET_KEY": LONG_KEY,
}
# Each command of ours that asks the database at once, with arguments that it takes.
ASKING = {
    "check_integrity": [],
    "create_token": ["crm", "--user", "asha", "--scope", "read"],
    "import_subscribers": ["list.csv"],
    "partition_deliveries": [],
    "quarantine": ["--restored-to", "2026-11-23T06:01", "--reason", "a test"],
    "rebuild_rollups": ["2026-11-01", "2026-11-02"],
    "reencrypt": [],
    "refresh_statistics": [],
    "replay_webhooks": ["--all"],
    "resume_distribution": ["1"],
    "setup": [],
}
DJANGOS = {
    "axes_list_attempts": [],
    "axes_reset": [],
    "changepassword": ["asha"],
    "clearsessions": [],
    "createsuperuser": ["--no-input", "--username", "asha", "--email", "a@example.org"],
    "flush": ["--no-input"],
    "inspectdb": [],
    "migrate": ["--no-input"],
    "showmigrations": [],
}
# What argparse asks for before anything is read.
REQUIRED = {
    "optimizemigration": ["distribution", "0001"],
    "runserver": ["--noreload"],  # else it waits until the settings are right
    "sendtestemail": ["asha@example.org"],
    "squashmigrations": ["distribution", "0001"],
}
# They read the settings when they need them, if at all.
WITHOUT_SETTINGS = {"makemessages", "shell", "startapp", "startproject"}
EVERY = sorted(set(get_commands()) - WITHOUT_SETTINGS)
MANY = """
import contextlib, io, json, os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
from config.management.command_errors import run
told = {}
for name, arguments in json.loads(sys.argv[1]).items():
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            code = run(["manage.py", name, *arguments])
        except SystemExit as end:
            code = end.code
    told[name] = [code, said.getvalue()]
print(json.dumps(told))
"""


def environment(**given: str) -> dict[str, str]:
    ours = {"DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONPATH": str(ROOT)}
    return {**os.environ, "DAYBREAK_TESTS": "1", **ours, **given}


def run_all(
    commands: dict[str, list[str]], folder: Path, **given: str
) -> dict[str, tuple[int, str]]:
    """Exit code and stderr of each command, all in one process: the imports take longer."""
    done = subprocess.run(
        [sys.executable, "-c", MANY, json.dumps(commands)],
        cwd=folder,
        env=environment(**given),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return {name: (code, said) for name, (code, said) in json.loads(done.stdout).items()}


def manage(folder: Path, *arguments: str, **given: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(folder / "manage.py"), *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment(**given), capture_output=True, text=True, timeout=60
    )


def assert_one_sentence(code: int, said: str) -> None:
    assert code not in (0, None)
    assert "Traceback" not in said
    (line,) = said.strip().splitlines()
    assert line.endswith(".")


Told = dict[str, tuple[int, str]]


@pytest.fixture(scope="module")
def wrongly_configured(tmp_path_factory: pytest.TempPathFactory) -> Told:
    commands = {name: REQUIRED.get(name, []) for name in EVERY}
    folder = tmp_path_factory.mktemp("wrong")
    return run_all(commands, folder, **{**AWAY, "SECRET_KEY": "change-me"})


@pytest.fixture(scope="module")
def without_database(tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("away")
    (folder / "list.csv").write_text("phone\n9812345678\n")
    return run_all({**ASKING, **DJANGOS}, folder, **AWAY)


@pytest.mark.parametrize("name", EVERY)
def test_a_wrong_setting_is_one_sentence_of_every_command(
    wrongly_configured: Told, name: str
) -> None:
    code, said = wrongly_configured[name]

    assert_one_sentence(code, said)
    assert said == (
        "Configuration error: SECRET_KEY must be set to at least 50 random characters.\n"
    )


@pytest.mark.parametrize("name", sorted({**ASKING, **DJANGOS}))
def test_a_database_that_is_away_is_one_sentence(without_database: Told, name: str) -> None:
    code, said = without_database[name]

    assert_one_sentence(code, said)
    assert "127.0.0.1:9/daybreak" in said
    assert "word@" not in said


def test_every_command_of_ours_is_tried() -> None:
    names = {name for name, app in get_commands().items() if app in OURS}

    assert names == {*ASKING, *SERVICES, "demo", "sandbox", "up", "verify_record"}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code, so that it can have a `.env` of its own."""
    copy = tmp_path_factory.mktemp("checkout") / "daybreak"
    unwanted = shutil.ignore_patterns(".*", "var", "tests", "docs", "staticfiles", "__pycache__")
    shutil.copytree(ROOT, copy, ignore=unwanted)
    return copy


SAMPLE = (ROOT / ".env.example").read_text()
WRONG_FILES: dict[str, tuple[str | bytes, str]] = {
    "as it comes": (SAMPLE, "SECRET_KEY must be set to at least 50 random characters."),
    "no number": ("BATCH_SIZE=fifty\n", "BATCH_SIZE='fifty' is not a number."),
    "no phones": ("TEST_RECIPIENTS=12\n", "TEST_RECIPIENTS must list phones with commas"),
    "no URL": (f"SECRET_KEY={LONG_KEY}\nDATABASE_URL=nonsense\n", "DATABASE_URL must "),
    "a port that is none": (
        f"SECRET_KEY={LONG_KEY}\nDATABASE_URL=postgresql://me:word@db:port/x\n",
        "DATABASE_URL must be a URL such as postgresql://user:password@host:5432/name.",
    ),
    "a line that is none": (
        "# first\nSECRET_KEY: abc\n",
        ".env, line 2: write NAME=value, without spaces around the equals sign.",
    ),
    "blanks": ("LOG_LEVEL = info\n", ".env, line 1: write NAME=value"),
    "no text": (b"SECRET_KEY=\xff\xfe\n", ".env is not UTF-8 text."),
    "a folder that is a file": ("DAYBREAK_VAR=/dev/null/var\n", "DAYBREAK_VAR: cannot use"),
}


@pytest.mark.parametrize("case", WRONG_FILES)
def test_a_wrong_env_file_is_one_sentence(checkout: Path, case: str) -> None:
    content, sentence = WRONG_FILES[case]
    file = checkout / ".env"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    named = [line.partition("=")[0] for line in SAMPLE.splitlines() if "=" in line]
    env = {key: value for key, value in environment().items() if key not in named}

    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=checkout,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert_one_sentence(done.returncode, done.stderr)
    assert done.stderr.startswith("Configuration error: ")
    assert sentence in done.stderr
    assert "me:word" not in done.stderr


def test_an_env_file_that_cannot_be_read_is_never_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a service whose account may not read it: it would start on the embedded SQLite."""
    (tmp_path / ".env").mkdir()

    with pytest.raises(ImproperlyConfigured, match="cannot be read: Is a directory"):
        read_file(tmp_path / ".env")


def test_what_the_environment_says_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAYBREAK_TEST_ONE", "shell")
    monkeypatch.delenv("DAYBREAK_TEST_TWO", raising=False)
    (tmp_path / ".env").write_text(
        "\ufeff# note\n\n  export DAYBREAK_TEST_ONE=file\nDAYBREAK_TEST_TWO='a b'\r\n", "utf-8"
    )

    read_file(tmp_path / ".env")

    assert os.environ["DAYBREAK_TEST_ONE"] == "shell"
    assert os.environ["DAYBREAK_TEST_TWO"] == "a b"


def test_the_sandboxs_own_arguments_are_told_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = manage(ROOT, "sandbox", "--port", port, DAYBREAK_VAR=str(tmp_path))

    assert_one_sentence(done.returncode, done.stderr)
    assert f"127.0.0.1:{port}" in done.stderr


def test_an_unforeseen_error_says_how_to_see_more(monkeypatch, capsys) -> None:
    def fail(_: object) -> None:
        raise IntegrityError('duplicate key "phone"\nDETAIL: Key (phone)=(+919812345678) exists.')

    monkeypatch.setattr(command_errors, "execute_from_command_line", fail)

    assert command_errors.run(["manage.py", "import_subscribers"]) == 1
    assert capsys.readouterr().err == (
        'The database refused it: duplicate key "phone". '
        "Run it again with --traceback for details.\n"
    )
    with pytest.raises(IntegrityError):
        command_errors.run(["manage.py", "import_subscribers", "--traceback"])


def test_a_broker_that_is_away_is_named_without_its_password(monkeypatch, capsys, settings) -> None:
    settings.REDIS_URL = AWAY["REDIS_URL"]

    def fail(_: object) -> None:
        with current_app.connection_for_write(settings.REDIS_URL) as broker:
            broker.ensure_connection(max_retries=0, timeout=1)

    monkeypatch.setattr(command_errors, "execute_from_command_line", fail)

    assert command_errors.run(["manage.py", "resume_distribution", "1"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("Cannot reach the broker at redis://")
    assert "127.0.0.1:9" in told
    assert "secret-word" not in told


def test_ctrl_c_is_one_word(monkeypatch, capsys) -> None:
    def stop(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command_errors, "execute_from_command_line", stop)

    assert command_errors.run(["manage.py", "check_integrity"]) == 130
    assert capsys.readouterr().err == "Stopped.\n"
