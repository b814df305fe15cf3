"""`python .ci/count_lines.py [FOLDER]`: lines of product code, by top-level package.

A line counts when it carries code: comments, blank lines, docstrings, migrations, tests and data
files (JSON, HTML, CSS) do not. FOLDER is a checkout; the current one by default.
"""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tokenize
from collections import Counter
from pathlib import Path

PACKAGES = (
    "config",
    "distribution",
    "evidence",
    "masking",
    "phonepool",
    "sandbox",
    "subscribers",
    "webhooks",
)
NO_CODE = {
    tokenize.COMMENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
    tokenize.INDENT,
    tokenize.NEWLINE,
    tokenize.NL,
}


def code_lines(source: str) -> int:
    """How many lines of a Python module carry code."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - _docstring_lines(source))


def _docstring_lines(source: str) -> set[int]:
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    lines: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, owners) and ast.get_docstring(node, clean=False) is not None:
            docstring = node.body[0]
            lines.update(range(docstring.lineno, (docstring.end_lineno or docstring.lineno) + 1))
    return lines


def main(folder: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "*.py"],  # noqa: S607
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    counts: Counter[str] = Counter()
    for name in listed.stdout.split():
        package = name.partition("/")[0]
        if package in PACKAGES and "/migrations/" not in name:
            counts[package] += code_lines((folder / name).read_text())
    for package in PACKAGES:
        sys.stdout.write(f"{package:<14}{counts[package]:>7}\n")
    sys.stdout.write(f"{'total':<14}{sum(counts.values()):>7}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
