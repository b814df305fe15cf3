"""A package that nobody looked up is never one without vulnerabilities."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

pytestmark = pytest.mark.any_database  # no database
SCRIPT = Path(settings.BASE_DIR) / ".ci" / "audit_dependencies.py"
CLEAN = {"name": "django", "version": "5.2.19", "vulns": []}
SKIPPED = {"name": "celery", "skip_reason": "Dependency not found on PyPI"}
FLAWED = {
    "name": "aiohttp",
    "version": "3.14.0",
    "vulns": [{"id": "GHSA-1", "fix_versions": ["3.14.3"]}],
}


def audit_module() -> Any:
    spec = importlib.util.spec_from_file_location("audit_dependencies", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def saying(text: str, code: int = 0) -> tuple[str, ...]:
    """A pip-audit that says this."""
    return (sys.executable, "-c", f"import sys; print({text!r}); sys.exit({code})")


@pytest.mark.parametrize(
    ("packages", "code", "said"),
    [
        ([CLEAN], 0, "1 of "),
        ([CLEAN, FLAWED], 1, "aiohttp 3.14.0: GHSA-1, fixed in 3.14.3"),
        ([CLEAN, SKIPPED], 2, "COULD NOT BE CHECKED: not looked up: celery"),
        ([SKIPPED], 2, "0 of "),
        ([FLAWED, SKIPPED], 1, "COULD NOT BE CHECKED: not looked up: celery"),
        ([], 2, "COULD NOT BE CHECKED: not looked up: all"),
    ],
)
def test_the_end_tells_sound_from_flawed_and_from_not_looked_up(
    capsys: Any, packages: list[Any], code: int, said: str
) -> None:
    text = json.dumps({"dependencies": packages, "fixes": []})

    assert audit_module().main(saying(text, 1 if code == 1 else 0)) == code

    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    "audit",
    [
        saying(""),
        saying("No known vulnerabilities found"),
        saying("{}"),
        (sys.executable, "-m", "there_is_no_such_module"),
        ("/there/is/no/such/program",),
    ],
)
def test_without_an_answer_nothing_was_checked(capsys: Any, audit: tuple[str, ...]) -> None:
    assert audit_module().main(audit) == 2

    assert "COULD NOT BE CHECKED" in capsys.readouterr().out
