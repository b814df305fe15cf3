"""What people read is in plain words: pages, sentences of the programs, and the documentation."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

pytestmark = pytest.mark.any_database  # files only

ROOT = Path(settings.BASE_DIR)
APPS = ("config", "distribution", "phonepool", "subscribers", "webhooks")
# What reads as translated; "by" is a deadline, "can" a permission, and a rate is "per second".
ODD = re.compile(
    r"\b(anew|mend(s|ed|ing)?|goes on(?! standby)|gone on|looks? after|is told|the house|under way|"
    r"unless told|somebody's|messages a second|until (Mon|Tue|Wed|Thu|Fri|Sat|Sun)|"
    r"for ever|you may|nobody knows whether|ask Meta now)\b|"
    r"\d %(?![}\w(])|\d a second",
    re.IGNORECASE,
)


def pages() -> Iterator[Path]:
    yield from (ROOT / "README.md", ROOT / ".env.example")
    yield from sorted((ROOT / "docs").glob("*.md"))


def templates() -> Iterator[tuple[str, str]]:
    """The texts of each template, without tags, scripts and comments."""
    for file in sorted((ROOT / "templates").rglob("*.html")):
        text = re.sub(
            r"(?s)<(script|style)\b.*?</\1>|{#.*?#}|{% comment.*?endcomment %}",
            "",
            file.read_text(),
        )
        texts = re.findall(r"""translate (".*?"|'.*?')""", text)
        plain = re.sub(r"(?s){[%{].*?[%}]}|<[^>]*>", " ", text)
        yield file.name, " ".join([*texts, plain])


def sentences() -> Iterator[tuple[str, str]]:
    """Every text of our modules that a person may read: neither a docstring nor in a log call."""
    for app in APPS:
        for file in sorted((ROOT / app).rglob("*.py")):
            if "migrations" not in file.parts:
                yield from ((file.name, text) for text in _texts(ast.parse(file.read_text())))


def _texts(tree: ast.Module) -> Iterator[str]:
    hidden: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            hidden.add(node.value)
        if isinstance(node, ast.Call) and _is_log(node.func):
            hidden.update(ast.walk(node))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in hidden:
            yield node.value


def _is_log(function: ast.expr) -> bool:
    of = function.value if isinstance(function, ast.Attribute) else None
    return isinstance(of, ast.Name) and of.id == "log"


def test_the_documentation_is_in_plain_words() -> None:
    odd = {
        f"{page.name}: {line.strip()[:100]}"
        for page in pages()
        for line in page.read_text().splitlines()
        if ODD.search(line)
    }
    assert odd == set()


def test_pages_and_sentences_are_in_plain_words() -> None:
    told = [*templates(), *sentences()]
    assert len(told) > 5000
    assert {(name, found[0]) for name, text in told for found in ODD.finditer(text)} == set()
