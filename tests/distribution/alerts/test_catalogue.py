from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from distribution.alerts import catalogue, incidents
from distribution.alerts.catalogue import AlertRule
from distribution.models import Alert, Severity

ROOT = Path(__file__).parents[3]
PRODUCT = ("config", "webhooks", "distribution", "phonepool", "subscribers")
NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)


@cache
def sources() -> dict[str, ast.Module]:
    """Every product module but the catalogue, by its path."""
    own = Path(catalogue.__file__)
    files = [file for app in PRODUCT for file in (ROOT / app).rglob("*.py") if file != own]
    kept = [file for file in files if "migrations" not in file.parts]
    return {str(file.relative_to(ROOT)): ast.parse(file.read_text()) for file in kept}


def calls(*names: str) -> Iterator[tuple[str, ast.Call]]:
    for path, tree in sources().items():
        for node in ast.walk(tree):
            called = isinstance(node, ast.Call) and getattr(node.func, "attr", "")
            if called and called in names:
                yield path, node


def named_rules(tree: ast.AST) -> set[str]:
    """The members of AlertRule that this code names."""
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    return {node.attr for node in attributes if getattr(node.value, "id", "") == "AlertRule"}


def test_no_module_raises_or_closes_a_rule_that_is_not_in_the_catalogue():
    assert len(list(calls("raise_alert"))) > 10
    spelt = [path for path, call in calls("raise_alert", "close_alert") if _is_text(call.args[0])]
    assert spelt == []
    unknown = set().union(*map(named_rules, sources().values())) - set(AlertRule.__members__)
    assert unknown == set()


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant | ast.JoinedStr)


def test_only_incidents_writes_alerts():
    writers = {path for path, tree in sources().items() if "Alert.objects.create" in _code(tree)}
    assert writers == {"distribution/alerts/incidents.py"}


def _code(tree: ast.Module) -> str:
    return ast.unparse(tree)


def test_each_rule_is_raised_somewhere():
    raising = {path for path, _ in calls("raise_alert", "keep_true")}
    # A finding of the checks before opening is raised by the module that opens.
    raising |= {path for path, tree in sources().items() if "Finding(AlertRule" in _code(tree)}
    raised = set().union(*(named_rules(sources()[path]) for path in raising))
    assert raised == set(AlertRule.__members__)


def test_slugs_fit_their_column_and_each_rule_says_what_to_do():
    longest = Alert._meta.get_field("rule").max_length
    assert all(len(rule) <= longest for rule in AlertRule)
    page = (ROOT / "docs" / "operations.md").read_text()
    remedies = dict(re.findall(r"^\| `(\w+)` \| .+ \| (.+\.) \|$", page, re.M))
    assert remedies == {rule: rule.remedy for rule in AlertRule}
    assert Alert._meta.get_field("scope").max_length == catalogue.SCOPE_LENGTH


@pytest.mark.parametrize(
    ("rule", "key", "scope"),
    [
        (AlertRule.SLA_AT_RISK, 7, "distribution 7"),
        (AlertRule.DUPLICATE_SUSPECT, 7, "delivery 7"),
        (AlertRule.NUMBER_BREAKER, 7, "number 7"),
        (AlertRule.ACCOUNT_PAUSED, 7, "portfolio 7"),
        (AlertRule.EVENTS_UNDELIVERED, 7, "subscription 7"),
        (AlertRule.TEMPLATE_CATEGORY, "7 MARKETING", "template 7 MARKETING"),
        (AlertRule.TEMPLATE_BLOCKED, 7, "group 7"),
        (AlertRule.LIMIT_CHANGED, "None", "None"),
        (AlertRule.ACCOUNT_NOTICE, "disabled_update", "disabled_update"),
        (AlertRule.TICK_SILENT, "", ""),
    ],
)
def test_a_scope_is_built_from_a_key_and_gives_it_back(rule, key, scope):
    assert rule.scope(key) == scope
    assert rule.scope_type.parse(scope) == str(key)


def test_a_scope_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="is no scope"):
        AlertRule.OVERRUN.scope_type.parse("delivery 7")
    with pytest.raises(ValueError, match="does not take the key"):
        AlertRule.OVERRUN.scope()
    with pytest.raises(ValueError, match="does not take the key"):
        AlertRule.TICK_SILENT.scope(7)


@pytest.mark.django_db
def test_the_catalogue_fixes_the_severity_unless_it_leaves_a_choice():
    incidents.raise_alert(AlertRule.UNCONFIRMED, 1, message="Decide.", now=NOW)
    assert Alert.objects.get().severity == "WARNING"

    with pytest.raises(ValueError, match="not as CRITICAL"):
        incidents.raise_alert(
            AlertRule.UNCONFIRMED, 1, severity=Severity.CRITICAL, message="!", now=NOW
        )
    with pytest.raises(ValueError, match="not as None"):
        incidents.raise_alert(AlertRule.CAPACITY_SHORT, 1, message="!", now=NOW)
