"""`ledger/deliveries.py` and `doubts.py` alone of the product write `Delivery.state`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from distribution.ledger import restored, statements
from distribution.models import Delivery
from distribution.outcomes.report_rules import DeliveryFacts

ROOT = Path(restored.__file__).parents[2]
WRITER, ITS_SQL = "distribution/ledger/deliveries.py", "distribution/ledger/statements.py"
OF_DOUBTS = "distribution/ledger/doubts.py"
DEMO = "config/demo/past_deliveries.py"  # mornings that never were: finished rows, inserted at once
AUDIENCE = "distribution/lifecycle/audience_rows.py"
ROWS_OF_OTHERS = {"ContentState", "DistributionState", "ImportState", "NumberState", "PostState"}
# Of the rows that exist: the audience's INSERT names no state and leaves it to the default.
WRITES_BY_ORM = ("create", "bulk_create", "bulk_update", "get_or_create", "update_or_create")
WRITES_BY_SQL = re.compile(r"(?:UPDATE|INTO)\s+\"?distribution_delivery\b", re.I)


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Every product module that knows deliveries, but for the writer."""
    for app in ("config", "distribution", "phonepool", "subscribers", "webhooks"):
        for path in sorted((ROOT / app).rglob("*.py")):
            name, source = path.relative_to(ROOT).as_posix(), path.read_text()
            known = re.search(r"\bDelivery\b|\.deliveries\b|distribution_delivery", source)
            if known and "/migrations/" not in name and name not in (WRITER, ITS_SQL, OF_DOUBTS):
                yield name, ast.parse(source)


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            func = node.func
            yield (func.attr if isinstance(func, ast.Attribute) else func.id), node


def writes_a_state(name: str, call: ast.Call) -> bool:
    """An `update(state=…)` that names no other kind of row's state."""
    for keyword in call.keywords if name == "update" else []:
        if keyword.arg == "state":
            value = keyword.value
            return not (
                isinstance(value, ast.Attribute)
                and isinstance(value.value, ast.Name)
                and value.value.id in ROWS_OF_OTHERS
            )
    return False


def is_of_deliveries(name: str, call: ast.Call) -> bool:
    """`Delivery(…)`, `Delivery.objects.create(…)` and its like, `update_from(Delivery, …)`."""
    if name == "update_from":
        return ast.unparse(call.args[0]) == "Delivery"
    if name == "bulk_update" and len(call.args) > 1 and isinstance(call.args[1], ast.List):
        return "state" in ast.literal_eval(call.args[1])
    made = name in WRITES_BY_ORM and ast.unparse(call.func).startswith("Delivery.objects")
    return name == "Delivery" or made


def test_no_other_module_writes_a_deliverys_state():
    found = {
        name
        for name, tree in modules()
        for call in calls(tree)
        if writes_a_state(*call) or is_of_deliveries(*call)
    }

    assert found == set()


def test_no_other_module_has_sql_that_does():
    found = {
        name: node.value
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and WRITES_BY_SQL.search(node.value)
    }

    assert set(found) - {DEMO} == {AUDIENCE}  # its rows begin with the default
    columns = re.search(r"\((.*?)\)", found[AUDIENCE], re.S)
    assert columns is not None
    assert "state" not in re.findall(r"\w+", columns[1])
    assert Delivery._meta.get_field("state").db_default == "PENDING"


def test_columns_given_as_a_whole_hold_no_state():
    whole = {
        name
        for name, tree in modules()
        for called, call in calls(tree)
        if called == "update" and any(keyword.arg is None for keyword in call.keywords)
    }

    assert whole == {"distribution/ledger/restored.py"}
    assert "state" not in restored.NOTHING_REPORTED


def test_nobody_else_reads_its_statements():
    importers = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "distribution").rglob("*.py")
        if re.search(r"distribution\.ledger(\.| import .*\b)statements\b", path.read_text())
    }

    assert importers == {WRITER}


def test_what_reports_may_change_is_what_is_written():
    written = set(statements.REPORT_COLUMNS) - {"id", "attempt_no", "old_state"}

    assert written == set(DeliveryFacts.__dataclass_fields__) - {"inflight_at"}


@pytest.mark.parametrize(
    "source",
    [
        "Delivery.objects.filter(pk=1).update(state=State.SKIPPED, reason='x')",
        "distribution.deliveries.update(state=after)",
        "rows.update(state='SKIPPED')",
    ],
)
def test_the_scan_would_find_it(source):
    assert [call for call in calls(ast.parse(source)) if writes_a_state(*call)]
