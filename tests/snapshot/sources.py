"""What can only be read off the product's source text. No module is named: code may move."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = sorted(one.parent for one in ROOT.glob("*/__init__.py") if one.parent.name != "tests")
RULE_CONSTANT = re.compile(r"([A-Z_]+_)?RULES?")


class Module:
    """A module's name without its package, and all nodes of its syntax tree."""

    def __init__(self, file: Path) -> None:
        self.name = file.parent.name if file.stem == "__init__" else file.stem
        self.tree = ast.parse(file.read_text())
        self.nodes = list(ast.walk(self.tree))

    def calls(self) -> Iterator[ast.Call]:
        return (node for node in self.nodes if isinstance(node, ast.Call))

    def source_of(self, name: str) -> str:
        """The module that `name` is imported from."""
        imports = (node for node in self.tree.body if isinstance(node, ast.ImportFrom))
        found = (one.module for one in imports if name in {alias.name for alias in one.names})
        return (next(found, None) or "").rpartition(".")[2]


@cache
def modules() -> list[Module]:
    """Every product module; migrations are history and left out."""
    files = [file for package in PACKAGES for file in sorted(package.rglob("*.py"))]
    kept = [file for file in files if "migrations" not in file.parts]
    return [Module(file) for file in (*kept, ROOT / "manage.py")]


def environment_reads() -> list[str]:
    """Variables read as `os.environ["X"]`, `os.environ.get(X)`, `os.getenv("X")` and the like."""
    found: set[str] = set()
    for module in modules():
        for node in module.nodes:
            if isinstance(node, ast.Subscript):
                owner, key = node.value, node.slice
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                owner, key = node.func.value, node.args[0]
                owner = node.func if node.func.attr == "getenv" else owner
            else:
                continue
            if isinstance(owner, ast.Attribute) and owner.attr in ("environ", "getenv"):
                found |= set(_strings(key, module))
    return sorted(found)


def queues_named() -> list[str]:
    """Queues that a call names itself, past the routes."""
    keywords = [(word, one) for one in modules() for call in one.calls() for word in call.keywords]
    named = [_strings(word.value, module) for word, module in keywords if word.arg == "queue"]
    return sorted({queue for queues in named for queue in queues})


def alert_rules(recorded: list[str]) -> list[str]:
    """Those of `recorded` that the product still says, and all that are passed as a `rule`.

    A rule is a constant wherever it stands, today in many modules, or a name and an ending, as in
    `f"{name}_silent"`. So one that is renamed or removed is missed, and a new one is noticed. A
    class of which one member is passed as a rule is a list of rules: all its members count.
    """
    nodes = [node for module in modules() for node in module.nodes]
    constants = {text for node in nodes if isinstance(node, ast.Constant) for text in _texts(node)}
    endings = {
        _texts(node.values[1])[0]
        for node in nodes
        if isinstance(node, ast.JoinedStr)
        and [type(part) for part in node.values] == [ast.FormattedValue, ast.Constant]
    }
    said = {
        rule
        for rule in recorded
        if rule in constants
        or any(rule.endswith(end) and rule.removesuffix(end) in constants for end in endings)
    }
    return sorted(said | set(_passed_as_rule()) | set(_rule_constants()))


def _passed_as_rule() -> Iterator[str]:
    functions = [
        (node.name, [argument.arg for argument in node.args.args])
        for module in modules()
        for node in module.nodes
        if isinstance(node, ast.FunctionDef)
    ]
    places = {name: words.index("rule") for name, words in functions if "rule" in words}
    for module in modules():
        for call in module.calls():
            place = places.get(_leaf(call.func))
            given = [] if place is None else call.args[place : place + 1]
            given += [word.value for word in call.keywords if word.arg in ("rule", "rule__in")]
            for argument in given:
                yield from _strings(argument, module, whole_class=True)


def _rule_constants() -> Iterator[str]:
    for module in modules():
        for node in module.tree.body:
            if isinstance(node, ast.Assign) and RULE_CONSTANT.fullmatch(_leaf(node.targets[0])):
                yield from _strings(node.value, module)


def _strings(node: ast.expr, module: Module, *, whole_class: bool = False) -> list[str]:
    """What an argument can be: a literal, several, a constant, a member of a class."""
    if isinstance(node, ast.Constant):
        return _texts(node)
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return [
            text for one in node.elts for text in _strings(one, module, whole_class=whole_class)
        ]
    if isinstance(node, ast.Name):
        source = module.source_of(node.id)
        owners = [one for one in modules() if one.name == source] if source else [module]
        return [text for one in owners for text in _constants(one.tree.body).get(node.id, [])]
    if not isinstance(node, ast.Attribute):
        return []
    owner = _leaf(node.value)
    found = [text for body in _classes(owner) for text in _constants(body).get(node.attr, [])]
    if found and whole_class:
        members = [_constants(body) for body in _classes(owner)]
        found = [text for one in members for name in one if name.isupper() for text in one[name]]
    bodies = [one.tree.body for one in modules() if one.name == owner]
    return found or [text for body in bodies for text in _constants(body).get(node.attr, [])]


def _classes(name: str) -> list[list[ast.stmt]]:
    nodes = (node for module in modules() for node in module.nodes)
    return [node.body for node in nodes if isinstance(node, ast.ClassDef) and node.name == name]


def _constants(body: list[ast.stmt]) -> dict[str, list[str]]:
    """The first string assigned to each name; `A, B = "a", "b"` is taken apart."""
    pairs: list[tuple[ast.expr, ast.expr]] = []
    for node in body:
        if isinstance(node, ast.AnnAssign) and node.value:
            pairs.append((node.target, node.value))
        elif isinstance(node, ast.Assign):
            target, value = node.targets[0], node.value
            apart = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
            pairs += zip(target.elts, value.elts, strict=False) if apart else [(target, value)]
    return {_leaf(target): _texts(value)[:1] for target, value in pairs}


def _leaf(node: ast.expr) -> str:
    """`c` of `a.b.c`, and of `c`."""
    return str(getattr(node, "attr", None) or getattr(node, "id", ""))


def _texts(node: ast.expr) -> list[str]:
    nodes = [one for one in ast.walk(node) if isinstance(one, ast.Constant)]
    return [one.value for one in nodes if isinstance(one.value, str)]
