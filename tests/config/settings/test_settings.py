from __future__ import annotations

import ast
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from config import settings as project_settings
from config.settings import caching, databases, importing, opening, outgoing, senders

pytestmark = pytest.mark.any_database  # settings only

ROOT = Path(settings.BASE_DIR)
EXAMPLE = ROOT / ".env.example"
PRODUCTION = {
    "DATABASE_URL": "postgresql://daybreak:word@127.0.0.1:1/daybreak",
    "REDIS_URL": "redis://:word@127.0.0.1:1/0",
    "SECRET_KEY": "s" * 20 + "ecret random enough for a test of the deploy check 0123456789",
    "ALLOWED_HOSTS": "daybreak.example.org",
    "HTTPS": "",
    "PROXY_DROPS_UNDERSCORES": "true",
    "FIELD_ENCRYPTION_KEYS": "a-key-for-a-test-of-the-deploy-check-0123456789",
}
TELL = """
import json
from config import settings
names = [name for name in dir(settings) if name.isupper()]
print(json.dumps({name: repr(getattr(settings, name)) for name in names}))
"""


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Python with the project's own settings and an environment that says only what is given."""
    whole = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", **environment}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=whole, capture_output=True, text=True, timeout=60)


def loaded(environment: dict[str, str]) -> dict[str, str]:
    """Every setting's repr."""
    process = run("-c", TELL, **environment)
    assert process.returncode == 0, process.stderr
    result: dict[str, str] = json.loads(process.stdout)
    return result


def example() -> dict[str, str]:
    lines = re.findall(r"^(\w+)=(.*)$", EXAMPLE.read_text(), re.M)
    assert len({name for name, _ in lines}) == len(lines)
    return dict(lines)


def names_read_by_settings() -> list[str]:
    """A pattern for each first argument of `env.something(…)`; what an f-string adds is digits."""
    calls = [
        node.args[0]
        for module in (project_settings, databases, caching, importing, opening, outgoing, senders)
        for node in ast.walk(ast.parse(Path(module.__file__).read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "env"
        and node.func.attr != "read_file"
    ]
    return [_pattern(argument) for argument in calls]


def _pattern(argument: ast.expr) -> str:
    if isinstance(argument, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else r"\d" for part in argument.values
        )
    assert isinstance(argument, ast.Constant)
    return str(argument.value)


def names_read_by_compose() -> list[str]:
    return re.findall(r"(?<!\$)\$\{(\w+)", (ROOT / "docker-compose.yml").read_text())


def test_the_example_lists_exactly_what_is_read() -> None:
    patterns = {*names_read_by_settings(), *names_read_by_compose()}
    listed = example().keys()

    unread = [name for name in listed if not any(re.fullmatch(p, name) for p in patterns)]
    unlisted = [p for p in patterns if not any(re.fullmatch(p, name) for name in listed)]
    assert (unread, unlisted) == ([], [])
    assert listed >= {f"WHATSAPP_PHONE_NUMBER_ID_{place}" for place in (1, 2, 3)}


def test_every_group_of_the_example_is_explained() -> None:
    blocks = EXAMPLE.read_text().split("\n\n")

    assert all(block.startswith("#") for block in blocks)


def test_the_examples_values_are_the_defaults(tmp_path: Path) -> None:
    known = {"SECRET_KEY": PRODUCTION["SECRET_KEY"], "DAYBREAK_VAR": str(tmp_path)}

    by_default = loaded({**dict.fromkeys(example(), ""), **known})
    as_listed = loaded({**example(), **known})
    assert as_listed == by_default


@pytest.mark.parametrize("database", ["", PRODUCTION["DATABASE_URL"]])
def test_the_examples_secret_key_is_refused_at_start(database: str) -> None:
    sample = example()["SECRET_KEY"]
    assert len(sample) >= 50

    process = run("manage.py", "check", SECRET_KEY=sample, DATABASE_URL=database)

    assert process.returncode != 0
    assert "SECRET_KEY must be set to at least 50 random characters." in process.stderr


def test_services_need_a_secret_key_of_their_own() -> None:
    process = run("manage.py", "check", **{**PRODUCTION, "SECRET_KEY": ""})

    assert process.returncode != 0
    assert "SECRET_KEY must be set" in process.stderr


@pytest.mark.parametrize("raw", ["mysql://localhost/daybreak", "sqlserver://localhost/x"])
def test_another_database_is_refused(raw: str) -> None:
    process = run("manage.py", "check", **{**PRODUCTION, "DATABASE_URL": raw})

    assert process.returncode != 0
    assert "DATABASE_URL must start with postgresql:// or sqlite:///." in process.stderr


def test_mistyped_settings_stop_the_start() -> None:
    process = run("manage.py", "check", DEBUG="ture")

    assert process.returncode != 0
    assert "DEBUG='ture' is neither true nor false." in process.stderr


def test_djangos_deployment_check_finds_nothing_in_production() -> None:
    arguments = ["check", "--deploy", "--tag", "security", "--fail-level", "WARNING"]
    process = run("manage.py", *arguments, **PRODUCTION)

    assert process.returncode == 0, process.stderr


def test_the_embedded_key_is_made_once_and_is_its_owners(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project_settings, "VAR_DIR", tmp_path / "var")

    key = project_settings._embedded_key()

    assert len(key) >= 50
    assert project_settings._embedded_key() == key
    assert [file.name for file in (tmp_path / "var").iterdir()] == ["secret_key"]
    assert stat.S_IMODE((tmp_path / "var" / "secret_key").stat().st_mode) == 0o600


def test_two_first_starts_at_once_end_with_one_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project_settings, "VAR_DIR", tmp_path)
    link, quicker = os.link, []

    def after_another(source: str, target: Path) -> None:
        monkeypatch.setattr(os, "link", link)
        quicker.append(project_settings._embedded_key())
        link(source, target)

    monkeypatch.setattr(os, "link", after_another)

    assert [project_settings._embedded_key()] == quicker
