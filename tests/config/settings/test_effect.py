"""Every variable of `.env.example` has an effect: its setting is used by something."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest
from django.conf import global_settings, settings

from config import settings as project_settings
from config.settings import caching, importing, opening, outgoing, senders

pytestmark = pytest.mark.any_database  # sources only

ROOT = Path(settings.BASE_DIR)
EXAMPLE = (ROOT / ".env.example").read_text()
VARIABLES = sorted(re.findall(r"^(\w+)=", EXAMPLE, re.M))
MODULES = (project_settings, caching, importing, opening, outgoing, senders)
SETTINGS = ast.parse(
    "".join(Path(one.__file__).read_text() for one in MODULES).replace(
        "from __future__ import annotations", ""
    )
)
# Settings of installed packages, which read them by name.
PACKAGES = ("AXES_", "OTP_")
ELSEWHERE = ["config/settings/databases.py", "docker-compose.yml"]  # read by name, and used there


def _names(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _variables(node: ast.AST) -> set[str]:
    """The names of variables in `env.something(…)`; an f-string's stands for its first digits."""
    found: set[str] = set()
    for call in ast.walk(node):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
            continue
        if isinstance(call.func.value, ast.Name) and call.func.value.id == "env" and call.args:
            first = call.args[0]
            if isinstance(first, ast.Constant):
                found.add(str(first.value))
            elif isinstance(first, ast.JoinedStr):
                prefix = "".join(str(p.value) for p in first.values if isinstance(p, ast.Constant))
                found |= {name for name in VARIABLES if re.fullmatch(rf"{prefix}\d", name)}
    return found


def _assignments() -> list[tuple[set[str], ast.AST]]:
    """The names that each assignment of the settings sets, and where it gets them from."""
    return [
        ({one.id for one in node.targets if isinstance(one, ast.Name)}, node.value)
        for node in ast.walk(SETTINGS)
        if isinstance(node, ast.Assign)
    ]


def _used_in_sources() -> set[str]:
    """Names of settings that any module but the settings' own reads."""
    apps = ["config", "distribution", "phonepool", "subscribers", "webhooks", "evidence"]
    command = ["git", "grep", "--untracked", "-hoE", r"settings\.[A-Z][A-Z_0-9]+", "--", *apps]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    of_caches = ["git", "grep", "--untracked", "-hoE", '"CACHE_[A-Z_0-9]+"', "--", "distribution"]
    kept = subprocess.run(of_caches, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = {line.partition(".")[2] for line in found.splitlines()}
    return names | {line.strip('"') for line in kept.splitlines()}  # `TableCache("CACHE_…", …)`


USED = _used_in_sources()


def _has_effect(name: str, seen: frozenset[str] = frozenset()) -> bool:
    """Whether a setting is read by code, by Django or a package, or makes another one that is."""
    if name in USED or hasattr(global_settings, name) or name.startswith(PACKAGES):
        return True
    makes = set().union(
        *(targets for targets, source in _assignments() if name in _names(source)), set()
    )
    return any(_has_effect(one, seen | {name}) for one in makes - seen - {name})


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_variable_of_the_example_has_an_effect(variable: str) -> None:
    targets = set().union(
        *(targets for targets, source in _assignments() if variable in _variables(source)), set()
    )
    elsewhere = not targets and any(
        re.search(rf"\b{variable}\b", (ROOT / file).read_text()) for file in ELSEWHERE
    )

    assert elsewhere or any(_has_effect(name) for name in targets), (
        f"{variable} sets {', '.join(targets) or 'nothing'}, which nothing reads"
    )


def test_what_must_be_set_comes_first() -> None:
    first, *_ = EXAMPLE.split("# ===== 2.")
    must = re.findall(r"^(\w+)=", first, re.M)

    assert "The twelve you must set" in first
    assert len(must) == 12
    assert must[0] == "SECRET_KEY"
    assert {"DATABASE_URL", "WHATSAPP_ACCESS_TOKEN", "WHATSAPP_PHONE_NUMBER_ID_1"} <= {*must}
