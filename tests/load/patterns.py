"""Every regular expression of the product, how it is used, and texts on which it could be slow.

Found in the sources, so that a new pattern is measured without being named anywhere. The texts
come from the pattern itself: pieces that it takes, repeated, with an end that it does not take.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from re import _constants as ops  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
APPS = sorted(
    found.parent.name
    for found in ROOT.glob("*/__init__.py")
    if found.parent.name not in ("tests", "sandbox")
)
USES = {"match", "fullmatch", "search", "sub", "split", "findall", "finditer", "subn"}
# Put together while running, from our own words: by file, and why they are left out here.
COMPUTED = {
    "config/settings/environment.py": "the settings of the operator, read once at the start",
    "config/settings/redaction.py": "names of ours, known secrets; measured by its own test",
    "distribution/cost/category_risk.py": "a table of ours; measured as a parser",
    "distribution/drafting/rewriting.py": "words of ours; measured as a parser",
    "distribution/drafting/sentences.py": "abbreviations of ours; measured as a parser",
    "subscribers/people/traces.py": "the names and spellings of one person, of bounded length",
    "subscribers/phones.py": "the rules of phonenumbers, over the digits of one number",
}
PIECES_LIMIT = 8  # of a pattern that are put together; their runs grow with the square
OTHERS = ('"', "\\", '\\"', " ", "\n", "a", "A", "1", "{{", "<", " *a", "::", "+", "9 ")
ENDS = ("", "!\n\x00")


@dataclass(frozen=True)
class Use:
    """A pattern, and the strictest way in which the sources apply it."""

    file: str
    line: int
    pattern: re.Pattern[Any]
    method: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    def apply(self, text: str) -> object:
        subject: Any = text if isinstance(self.pattern.pattern, str) else text.encode("latin-1")
        if self.method in ("match", "fullmatch", "search"):
            return getattr(self.pattern, self.method)(subject)
        if self.method == "sub":
            return self.pattern.sub("" if isinstance(subject, str) else b"", subject)
        return sum(1 for _ in self.pattern.finditer(subject))


def uses() -> tuple[list[Use], set[str]]:
    """All uses of patterns, and the files that compute one."""
    sources = {
        path: path.read_text("utf-8")
        for app in APPS
        for path in sorted((ROOT / app).rglob("*.py"))
        if "migrations" not in path.parts
    }
    # Walked once: every process that runs tests reads all of them.
    nodes = {path: list(ast.walk(ast.parse(source))) for path, source in sources.items()}
    methods = _methods(nodes.values())
    found, computed, constants = [], set(), _constants(nodes.values())
    for path in (path for path, source in sources.items() if "re." in source):
        file = str(path.relative_to(ROOT))
        for name, call in _calls(nodes[path]):
            first = call.args[0]
            source = constants.get(first.id) if isinstance(first, ast.Name) else _literal(first)
            if source is None:
                computed.add(file)
                continue
            function = call.func.attr  # type: ignore[attr-defined]
            given = methods.get(name, {"search"}) if function == "compile" else {function}
            pattern = re.compile(source, _flags(call, function))
            found += [Use(file, call.lineno, pattern, method) for method in sorted(given)]
    return found, computed


def texts(use: Use, size: int) -> Iterator[str]:
    """Texts of about `size` characters."""
    flags = use.pattern.flags & ~re.UNICODE
    source: Any = use.pattern.pattern
    parsed = _parser.parse(source, flags if isinstance(source, str) else use.pattern.flags)
    pieces = list(_pieces(parsed))[:PIECES_LIMIT]
    runs = {
        "".join(pieces[begin:end])
        for begin in range(len(pieces))
        for end in range(begin + 1, len(pieces) + 1)
        if end - begin in (1, 2, 3, len(pieces), len(pieces) - 1)
    }
    for pump in sorted(runs | set(OTHERS)):
        for start in {"", "".join(pieces)}:
            for end in ENDS:
                yield start + pump * (size // len(pump)) + end


def _calls(nodes: Sequence[ast.AST]) -> Iterator[tuple[str, ast.Call]]:
    """Calls of `re`, with the name of the constant that keeps a compiled pattern."""
    names = {
        id(call): target.id
        for node in nodes
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
        for call in ast.walk(node.value)
    }
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            owner = node.func.value
            is_re = isinstance(owner, ast.Name) and owner.id == "re"
            if is_re and node.func.attr in USES | {"compile"}:
                yield names.get(id(node), ""), node


def _literal(node: ast.AST) -> Any:
    return node.value if isinstance(node, ast.Constant) else None


def _constants(files: Iterable[Sequence[ast.AST]]) -> dict[str, Any]:
    """Texts that sources give a name."""
    return {
        target.id: node.value.value
        for nodes in files
        for node in nodes
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(node.value.value, str)
    }


def _methods(files: Iterable[Sequence[ast.AST]]) -> dict[str, set[str]]:
    """By the name of a constant: the methods called on it, anywhere."""
    found: dict[str, set[str]] = {}
    for nodes in files:
        for node in nodes:
            if isinstance(node, ast.Attribute) and node.attr in USES:
                owner = node.value
                name = owner.id if isinstance(owner, ast.Name) else getattr(owner, "attr", "")
                found.setdefault(name, set()).add(node.attr)
    found.pop("re", None)
    return found


def _flags(call: ast.Call, function: str) -> int:
    place = 1 if function == "compile" else 2
    given = [word.value for word in call.keywords if word.arg == "flags"] + call.args[place:]
    if not given or function in ("sub", "split"):
        return 0
    return int(eval(compile(ast.Expression(given[0]), "", "eval"), {"re": re}))  # noqa: S307


def _pieces(parsed: Any) -> Iterator[str]:
    """A text for each part of a pattern that takes a character, in order."""
    for operation, argument in parsed:
        if operation is ops.LITERAL:
            yield chr(argument)
        elif operation in (ops.ANY, ops.NOT_LITERAL):
            yield "x"
        elif operation is ops.IN:
            yield _member(argument)
        elif operation is ops.BRANCH:
            for branch in argument[1]:
                yield from _pieces(branch)
        elif operation in (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT):
            least, _, inner = argument
            once = list(_pieces(inner))
            yield from ["".join(once) * max(1, min(least, 8))] if len(once) == 1 else once
        elif operation is ops.SUBPATTERN:
            yield from _pieces(argument[-1])
        elif operation in (ops.ASSERT, ops.ATOMIC_GROUP):
            yield from _pieces(argument[1] if operation is ops.ASSERT else argument)


def _member(members: Any) -> str:
    """A character of a class."""
    kinds = dict.fromkeys(operation for operation, _ in members)
    for operation, argument in members:
        if operation is ops.LITERAL and ops.NEGATE not in kinds:
            return chr(argument)
        if operation is ops.RANGE and ops.NEGATE not in kinds:
            return chr(argument[0])
        if operation is ops.CATEGORY:
            return {"DIGIT": "1", "SPACE": " ", "WORD": "a"}.get(
                str(argument).removeprefix("CATEGORY_"), "!"
            )
    return "x"
