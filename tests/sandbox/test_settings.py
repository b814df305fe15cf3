from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

import pytest

from sandbox.behaviour.outcomes import MessageOutcome
from sandbox.behaviour.settings import build, change
from sandbox.faults import ACCEPTED, NOT_ACCEPTED
from sandbox.formats.values import InvalidValue
from tests.sandbox.harness import ROOT

PAGE = (ROOT / "docs" / "sandbox.md").read_text()


def test_profiles_differ_and_overrides_win() -> None:
    assert build("fast").latency_p50_ms == 40
    assert build("realistic").latency_p50_ms == 350
    assert build("fast", {"latency_p50_ms": 7}).latency_p50_ms == 7


def test_tables_are_added_to_and_never_shared() -> None:
    settings = build("fast", {"outcome_shares": {"UTILITY": {"never": 0.5}}})
    assert settings.outcome_shares["UTILITY"] == {"never": 0.5}
    assert settings.outcome_shares["MARKETING"] == {"invalid": 0.001}
    assert build("fast").outcome_shares["UTILITY"] == {"invalid": 0.001}


@pytest.mark.parametrize(
    "wrong",
    [
        {"unheard_of": 1},
        {"read_share": 1.5},
        {"read_share": True},
        {"pair_burst": 0},
        {"pair_burst": 1.5},
        {"rate_refusal": "maybe"},
        {"latency_p50_ms": float("inf")},
        {"latency_p50_ms": -1},
        {"blocked_countries": [98]},
        {"magic_suffixes": {"1": "happy"}},
        {"outcome_shares": {"UTILITY": {"invalid": 0.6, "never": 0.6}}},
        {"outcome_shares": {"UTILITY": {"happy": 0.1}}},
        {"delivered_quantiles": [[0.5, 1]]},
        {"delivered_quantiles": [[1.0, 1], [0.5, 2]]},
        {"webhook_retry_steps_s": []},
    ],
    ids=str,
)
def test_nonsense_is_refused_and_changes_nothing(wrong: dict[str, Any]) -> None:
    settings = build("fast")
    with pytest.raises(InvalidValue):
        change(settings, {"latency_max_ms": 1, **wrong})
    assert asdict(settings) == asdict(build("fast"))


def test_the_page_names_every_setting_outcome_and_fault() -> None:
    written = set(re.findall(r"`(\w+)`", PAGE))
    assert set(asdict(build("fast"))) - written == set()
    assert (NOT_ACCEPTED | ACCEPTED) - written == set()
    assert {name for name in MessageOutcome if name not in PAGE} == set()
