"""Whatever happens in whatever order: nobody gets two messages, nobody is lost.

Hypothesis plays senders that crash or freeze, a WhatsApp that accepts, refuses or keeps silent,
webhooks in any order, and operators; all steps are the real functions on the real database. An
oracle in memory knows what WhatsApp accepted. HYPOTHESIS_PROFILE=thorough plays for minutes.
"""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from distribution.engine import sweep
from distribution.ledger import deliveries
from distribution.models import Delivery, Distribution, StatusFeed
from distribution.outcomes import reconcile
from distribution.sending import retry_policy
from phonepool.cloud_api.client import OutcomeKind, SendOutcome
from phonepool.errors import DEADLINE_PASSED
from phonepool.models import PhoneNumber
from subscribers.models import Subscriber
from tests.builders import LEASE, a_group, an_approved_content, an_open_distribution
from tests.distribution.state_reports import Reports
from tests.distribution.state_rules import (
    ANSWERS,
    GIVEN_UP,
    LEGAL,
    MAY_BE_SENT,
    PEOPLE,
    TAKEN,
    Message,
    Operators,
    S,
    Sender,
    answers,
    calls,
    fates,
    rarely,
)

POSSIBLY_OUT = (S.INFLIGHT, S.UNKNOWN, S.ACCEPTED, S.HELD)
NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
SIZES = {"quick": (40, 25), "thorough": (1500, 60)}
ACTS = ["close", "pause", "resume", "cancel", "opt out"]
EXAMPLES, STEPS = SIZES[os.environ.get("HYPOTHESIS_PROFILE", "quick")]


class Morning(Operators, Reports, RuleBasedStateMachine):
    distribution_id: int
    number_id: int
    audience: set[str]

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.senders: list[Sender] = []
        self.messages: list[Message] = []
        self.marks: Counter[int] = Counter()  # by delivery
        self.resent: Counter[int] = Counter()
        self.gone: set[int] = set()
        self.step = ""
        self._example = transaction.atomic()
        self._example.__enter__()
        self.before, self.rungs = self.states(), dict(Delivery.objects.values_list("pk", "rung"))

    def teardown(self) -> None:
        try:
            self.everybody_ends()
        finally:
            transaction.set_rollback(True)
            self._example.__exit__(None, None, None)

    # --- senders ------------------------------------------------------------------------------

    @rule(limit=st.integers(1, PEOPLE))
    def claim(self, limit: int) -> None:
        self.step = "claim"
        taken = deliveries.claim(self.distribution_id, 0, limit=limit, now=self.now, lease=LEASE)
        if taken.deliveries:
            assert not {row.subscriber_id for row in taken.deliveries} & self.gone
            held = {row.pk: row for row in taken.deliveries}
            self.senders.append(Sender(taken, held, self.rung_of_now()))

    def sender(self, place: int) -> Sender:
        return self.senders[place % len(self.senders)]

    @precondition(lambda self: self.senders)
    @rule(place=st.integers(0, 3), size=st.integers(1, PEOPLE))
    def mark(self, place: int, size: int) -> None:
        self.step = "mark"
        sender = self.sender(place)
        rows = [row for pk, row in sender.held.items() if pk not in sender.marked_at][:size]
        marked = deliveries.mark_inflight(
            sender.claim,
            rows,
            number_id=self.number_id,
            now=self.now,
            lease=LEASE,
            sent_as=sender.sent_as,
        )
        assert not marked or sender.sent_as == self.rung_of_now()
        mine = Delivery.objects.filter(pk__in=marked, claim_token=sender.claim.token)
        assert mine.count() == len(marked)  # else its attempts would be nobody's
        for row in rows:
            if row.pk in marked:
                sender.marked_at[row.pk] = self.now
                self.marks[row.pk] += 1
            else:
                del sender.held[row.pk]

    @precondition(lambda self: any(sender.marked_at for sender in self.senders))
    @rule(place=st.integers(0, 3), answer=answers, fate=fates)
    def send(self, place: int, answer: str, fate: str) -> None:
        self.step = "send"
        sender = self.sender(place)
        if not sender.marked_at:
            return
        pk, marked_at = sender.marked_at.popitem()
        row = sender.held.pop(pk)
        attempt = sender.claim.attempt(row)
        kind, failure = ANSWERS[answer]
        wamid = f"wamid.{attempt}"
        if self.now >= marked_at + LEASE / 2:  # the guard before the first byte
            kind, failure = OutcomeKind.NOT_SENT, DEADLINE_PASSED
        elif answer in TAKEN:
            place = sender.sent_as.place
            self.messages.append(Message(attempt, row.phone, wamid, fate, place))
        outcome = SendOutcome(
            pk, kind, wamid if failure is None else "", failure, None, None, None,
            self.now, self.now,
        )  # fmt: skip
        sender.outcomes[attempt] = outcome, row.tries_charged

    @precondition(lambda self: any(sender.outcomes for sender in self.senders))
    @rule(place=st.integers(0, 3))
    def settle(self, place: int) -> None:
        self.step = "settle"
        sender = self.sender(place)
        window_end = Distribution.objects.get(pk=self.distribution_id).window_end
        deliveries.settle(
            [
                retry_policy.settlement(
                    attempt,
                    outcome,
                    tries_charged=charged,
                    number_id=self.number_id,
                    window_end=window_end,
                )
                for attempt, (outcome, charged) in sender.outcomes.items()
            ]
        )
        sender.outcomes.clear()

    @precondition(lambda self: self.senders)
    @rule(place=st.integers(0, 3))
    def give_back(self, place: int) -> None:
        self.step = "give back"
        sender = self.sender(place)
        rest = set(sender.held) - set(sender.marked_at)
        deliveries.release_claim(sender.claim, rest, next_at=self.now + timedelta(seconds=2))
        for pk in rest:
            del sender.held[pk]

    @initialize(calls=st.lists(calls, max_size=PEOPLE))
    def the_first_pass(self, calls: list[tuple[str, str, str]]) -> None:
        if calls:
            self.a_whole_pass(calls, 0)

    @rule(calls=st.lists(calls, min_size=1, max_size=PEOPLE), after=st.sampled_from([0, 6, 21]))
    def a_whole_pass(self, calls: list[tuple[str, str, str]], after: int) -> None:
        """The usual course, which single steps seldom find."""
        self.time_passes(after)
        known = len(self.senders)
        self.claim(len(calls))
        if len(self.senders) == known:
            return
        self.check()
        self.mark(known, PEOPLE)
        self.check()
        later = {}
        for answer, fate, when in calls:
            self.send(known, answer, fate)
            if when != "now" and self.senders[known].outcomes:
                attempt, outcome = self.senders[known].outcomes.popitem()
                if when == "later":
                    later[attempt] = outcome
        self.settle(known)
        self.senders[known].outcomes = later

    @rule(first=st.integers(1, PEOPLE), second=st.integers(1, PEOPLE))
    def one_sleeps_and_another_takes_over(self, first: int, second: int) -> None:
        self.claim(first)
        self.check()
        self.time_passes(61)
        self.tick()
        self.check()
        self.claim(second)

    @rule(claims=st.integers(0, PEOPLE), marks=st.integers(0, 2))
    def another_rung_is_taken(self, claims: int, marks: int) -> None:
        """Some are claimed and not marked yet, some are in flight, and the sender goes on."""
        known = len(self.senders)
        if claims:
            self.claim(claims)
            self.check()
        if marks and len(self.senders) > known:
            self.mark(known, marks)
            self.check()
        self.step = "take rung"
        self.take_rung()
        self.check()
        if len(self.senders) > known:
            self.mark(known, PEOPLE)

    @precondition(lambda self: self.senders)
    @rule(place=st.integers(0, 3))
    def crash(self, place: int) -> None:
        self.step = "crash"
        self.senders.remove(self.sender(place))

    # --- the world ----------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 5, 21, 31, 61, 700]))
    def time_passes(self, seconds: int) -> None:
        self.step = "time passes"
        self.now += timedelta(seconds=seconds)
        StatusFeed.applied(self.now)

    @precondition(lambda self: S.INFLIGHT in self.before.values())
    @rule()
    def silence_ripens(self) -> None:
        """Leases lapse, what was answered is reported, and those in doubt stay silent for long."""
        self.time_passes(61)
        self.tick()
        self.check()
        known = {pk for pk, now in self.before.items() if now == S.ACCEPTED}
        self.hear_first_of([m for m in self.messages if m.attempt.delivery_id in known])
        self.check()
        self.time_passes(700)
        self.tick()

    @rule()
    def tick(self) -> None:
        self.step = "tick"
        sweep.sweep(self.now)

    @rule(kind=st.sampled_from(ACTS), rarely=rarely)
    def somebody_acts(self, kind: str, rarely: bool) -> None:
        """Seldom, or every morning would soon be over."""
        self.step = kind
        if kind == "resume":
            self.resume()
        elif rarely:
            {
                "close": self.close,
                "pause": self.pause,
                "cancel": self.cancel,
                "opt out": self.opt_out,
            }[kind]()

    # --- what always holds --------------------------------------------------------------------

    @invariant()
    def check(self) -> None:
        rows = list(
            Delivery.objects.values_list("pk", "state", "reason", "attempt_no", "ambiguous_no")
        )
        after = {pk: state for pk, state, *_ in rows}
        assert after.keys() == self.before.keys()  # nobody is lost, nobody comes in
        moved = {(self.before[pk], after[pk]) for pk in after if self.before[pk] != after[pk]}
        assert moved <= LEGAL.get(self.step, set()), self.step
        self.resent.update(
            pk
            for pk in after
            if (self.before[pk], after[pk]) == (S.UNKNOWN, S.RETRY_WAIT) and self.step == "tick"
        )
        assert {message.to for message in self.messages} <= self.audience
        rungs = dict(Delivery.objects.values_list("pk", "rung"))
        for pk, rung in rungs.items():
            # Who has a message, or may have one, stays on the rung of that message.
            stays = self.before[pk] in POSSIBLY_OUT and self.step != "mark"
            assert rung == self.rungs[pk] or not stays
            places = {
                m.place for m in self.messages if m.attempt.delivery_id == pk and not m.failed
            }
            assert len(places) <= 1
        self.rungs = rungs
        # What WhatsApp accepted and did not take back.
        standing = Counter(m.attempt.delivery_id for m in self.messages if not m.failed)
        for pk, state_now, reason, attempts, resent in rows:
            assert standing[pk] <= 1 + resent <= 2
            assert resent == self.resent[pk]
            assert attempts == self.marks[pk]
            assert reason or state_now not in GIVEN_UP
            if state_now in MAY_BE_SENT | {S.FAILED, S.SKIPPED} and not resent:
                assert not standing[pk], state_now  # else the next send would be the second
            if state_now in (S.ACCEPTED, S.HELD):
                assert standing[pk], state_now
        self.before, self.step = after, ""


@pytest.mark.django_db
@pytest.mark.timeout(1800 if EXAMPLES > 100 else 120)
def test_whatever_happens_nobody_gets_two_messages_and_nobody_is_lost(monkeypatch):
    monkeypatch.setattr(reconcile, "MIN_NEIGHBOURS", 1)  # four people have few neighbours
    content = an_approved_content(message_template=a_group(2).templates.earliest("pk"))
    Morning.distribution_id = an_open_distribution(PEOPLE, now=NOW, content=content).pk
    Morning.number_id = PhoneNumber.objects.get().pk
    Morning.audience = set(Subscriber.objects.values_list("phone", flat=True))

    run_state_machine_as_test(
        Morning,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
