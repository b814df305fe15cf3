"""docs/api.md: its table of endpoints is the document's, and its Python example works."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.utils import timezone

from distribution.api.http import problems
from distribution.models import Content, ContentState, Scope
from tests.api.tokens import a_header
from tests.builders import a_template
from tests.distribution.content_staff import a_plain_template

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
PAGE = (DOCS / "api.md").read_text()
SCOPE = re.compile(r"Scope: `(\w+)`")
KEY = "Idempotency-Key"


def endpoints() -> str:
    """The table as it should be: every operation, in the document's chapters."""
    document: dict[str, Any] = yaml.load((DOCS / "openapi.yml").read_text(), yaml.CSafeLoader)
    lines = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            creates = any(one["name"] == KEY for one in operation.get("parameters", []))
            scope = SCOPE.search(operation["description"])
            assert scope is not None, path
            lines[operation["tags"][0]].append(
                f"| {method.upper()}{' *' if creates else ''} | `{path}` | `{scope[1]}` "
                f"| {operation['summary']} | `{operation['operationId']}` |"
            )
    rows = [row for chapter in lines.values() for row in chapter]
    head = (
        "| method | path | scope | what it does | operation id |\n| --- | --- | --- | --- | --- |"
    )
    return "\n".join([head, *rows])


# What reads as translated.
ODD = re.compile(
    r"\b(anew|mend(ed)?|goes on|gone on|looks? after|so many|whom|is told|stands (there|twice)|"
    r"the house|unless told|answered 4\d\d|under way|somebody's)\b|\d a (second|minute)|\d %",
    re.IGNORECASE,
)


@pytest.mark.parametrize("name", ["api.md", "events.md", "openapi.yml"])
def test_it_reads_as_plain_english(name: str) -> None:
    lines = (DOCS / name).read_text().splitlines()
    assert [line for line in lines if ODD.search(line)] == []


def test_the_table_of_endpoints_is_the_documents() -> None:
    table = endpoints()
    assert f"\n\n{table}\n\n" in PAGE, f"This table belongs there:\n{table}"


def test_every_code_of_the_page_has_its_own_page_and_no_other_has_one() -> None:
    listed = {
        code
        for line in PAGE.splitlines()
        if re.match(r"\| [45]\d\d", line)
        for code in re.findall(r"`(\w+)`", line)
    }
    assert listed == set(problems.TYPES)


@pytest.mark.django_db(transaction=True)
def test_the_python_example_does_what_it_says(live_server: Any, tmp_path: Path) -> None:
    a_template(status="REJECTED")
    a_plain_template()
    (block,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.M | re.S)
    script = tmp_path / "example.py"
    script.write_text(block)
    environment = {
        "API": f"{live_server.url}/api",
        "TOKEN": a_header(Scope.READ, Scope.CONTENT)["Authorization"].split()[1],
        "TOMORROW": f"{timezone.localdate() + timedelta(days=1)}",
        "PATH": "",
    }
    done = subprocess.run(
        [sys.executable, script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    content = Content.objects.get()
    assert done.stdout == f"SUBMITTED /api/distribution/content/{content.pk}\n", done.stderr
    assert content.state == ContentState.SUBMITTED
