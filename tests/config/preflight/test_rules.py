"""What the messages of a preflight show, and when one is due: pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config.preflight import loop, slots
from config.preflight.loop import MessageFacts

A_MESSAGE = {"answered": True, "accepted": True, "held": False, "sent": 1.0, "delivered": 2.0}
A_MESSAGE |= {"failed": False, "code": None, "details": ""}


def of(*changes: dict[str, Any], works: bool = True) -> tuple[str, str]:
    messages = [MessageFacts(**{**A_MESSAGE, **one}) for one in changes]
    found = loop.number(messages, receiver_works=works)
    return found.result, found.seen


SILENT = {"sent": None, "delivered": None}


@pytest.mark.parametrize("code", [131049, 131050, 131026])
def test_a_phone_that_gets_nothing_decides_nothing(code) -> None:
    refused = {**SILENT, "accepted": False, "code": code}

    assert of(refused, {})[0] == "ok"
    assert of(refused)[0] == "warning"
    assert "Inconclusive" in of(refused, {**SILENT, "failed": True, "code": code})[1]


def test_the_loop_of_a_number() -> None:
    assert of({}) == ("ok", "Sent after 1 s, delivered after 2 s.")
    assert of({"sent": 35.0, "delivered": 36.0})[0] == "warning"
    assert of({"delivered": 95.0})[0] == "warning"
    assert of({**SILENT, "accepted": False, "code": 133010, "details": "gone"})[0] == "fails"
    assert of({**SILENT, "held": True})[0] == "warning"
    assert of({**SILENT, "answered": False, "accepted": False})[0] == "fails"
    assert of(SILENT)[0] == "fails"
    assert of(SILENT, works=False)[0] == "not checked"


# --- when it runs


SIX = datetime(2026, 11, 30, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minutes", "first"),
    [(31, None), (30, 30), (25, 30), (11, None), (10, 10), (4, 10), (3, None), (2, 2), (0, None)],
)
def test_each_slot_has_its_time(minutes, first) -> None:
    slot = slots.due(SIX, SIX - timedelta(minutes=minutes))

    assert (slot.first if slot else None) == first
