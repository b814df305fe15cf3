"""WhatsApp's reports in the mornings of the state machine: in any order, repeated, of strangers."""

from __future__ import annotations

from datetime import datetime

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from distribution.ledger.attempts.ids import AttemptKey
from distribution.outcomes import status_reports
from distribution.outcomes.report_rules import StatusReport
from tests.distribution.state_rules import FATES, PEOPLE, Message


class Reports:
    """The steps of a morning in which a webhook arrives."""

    now: datetime
    step: str
    messages: list[Message]
    before: dict[int, str]

    @precondition(lambda self: self.messages)
    @rule(
        which=st.integers(0, 9),
        what=st.integers(0, 2),
        named=st.booleans(),
        times=st.integers(1, 2),
    )
    def hear(self, which: int, what: int, named: bool, times: int) -> None:
        self.step = "hear"
        message = self.messages[which % len(self.messages)]
        status, code = FATES[message.fate][what % len(FATES[message.fate])]
        attempt = message.attempt if named else None
        report = StatusReport(status, self.now, message.wamid, attempt, code)
        applied = status_reports.apply_reports([report] * times, now=self.now)
        if named:
            assert applied.unmatched == []  # what names an attempt of ours is never a stranger
        if status == "failed" and not applied.unmatched:
            message.failed = True

    @precondition(lambda self: self.messages)
    @rule()
    def hear_of_everybody(self) -> None:
        """The first word about each: what the silence about others is measured by."""
        self.hear_first_of(self.messages)

    def hear_first_of(self, messages: list[Message]) -> None:
        self.step = "hear"
        bundle = []
        for message in messages:
            status, code = FATES[message.fate][0]
            bundle.append(StatusReport(status, self.now, message.wamid, message.attempt, code))
            message.failed = message.failed or status == "failed"
        assert status_reports.apply_reports(bundle, now=self.now).unmatched == []

    @rule(pk=st.integers(1, PEOPLE), token=st.integers(1, 2**63 - 1))
    def hear_a_stranger(self, pk: int, token: int) -> None:
        self.step = "hear a stranger"
        delivery_id = sorted(self.before)[pk - 1]
        report = StatusReport("read", self.now, "wamid.x", AttemptKey(delivery_id, 1, token))
        assert status_reports.apply_reports([report], now=self.now).unmatched == [report]
