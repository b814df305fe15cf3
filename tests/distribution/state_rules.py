"""What may happen in the mornings of the state machine, and who takes part."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from hypothesis import strategies as st

from distribution.ledger.attempts.ids import AttemptKey
from distribution.ledger.claims import Claim, SentAs
from distribution.lifecycle import closing, control, rung_change
from distribution.lifecycle.control import ControlError
from distribution.models import Delivery, Distribution, DistributionState, State
from phonepool.cloud_api.client import OutcomeKind, SendOutcome
from phonepool.errors import NO_ANSWER, classify
from subscribers.models import Status, Subscriber

PEOPLE = 4
S = State
WAITING = {S.PENDING, S.RETRY_WAIT}
MAY_BE_SENT = {*WAITING, S.CLAIMED}
GIVEN_UP = {S.FAILED, S.SKIPPED, S.UNCONFIRMED}
TERMINAL = {S.ACCEPTED, *GIVEN_UP}
SKIPS = {(before, S.SKIPPED) for before in WAITING}
# What each kind of step may do to a delivery; everything else is illegal.
LEGAL: dict[str, set[tuple[str, str]]] = {
    "claim": {(before, S.CLAIMED) for before in WAITING} | SKIPS,
    "mark": {(S.CLAIMED, S.INFLIGHT)},
    "give back": {(S.CLAIMED, S.PENDING)},
    "settle": {
        *((S.INFLIGHT, after) for after in (S.ACCEPTED, S.HELD, S.RETRY_WAIT, S.FAILED, S.UNKNOWN)),
        *((S.UNKNOWN, after) for after in (S.ACCEPTED, S.HELD)),
    },
    "hear": {
        *((before, S.ACCEPTED) for before in S),
        *(
            (before, after)
            for before in (S.INFLIGHT, S.UNKNOWN, S.HELD, S.ACCEPTED, S.UNCONFIRMED)
            for after in (S.FAILED, S.RETRY_WAIT)
        ),
        *((before, S.FAILED) for before in MAY_BE_SENT),
    },
    "tick": {
        (S.CLAIMED, S.PENDING),
        (S.CLAIMED, S.SKIPPED),
        (S.INFLIGHT, S.UNKNOWN),
        (S.INFLIGHT, S.UNCONFIRMED),
        (S.UNKNOWN, S.RETRY_WAIT),
        (S.UNKNOWN, S.UNCONFIRMED),
        (S.HELD, S.UNCONFIRMED),
        # In doubt, after another rung was taken, and perhaps for too long already.
        *((before, after) for before in MAY_BE_SENT for after in (S.UNKNOWN, S.UNCONFIRMED)),
        *SKIPS,
    },
    "close": SKIPS,
    "cancel": SKIPS,
}

LOST, NOT_ON_WHATSAPP = 131000, 131026
FATES: dict[str, list[tuple[str, int | None]]] = {
    "read": [("sent", None), ("delivered", None), ("read", None)],
    "lost": [("sent", None), ("failed", LOST)],
    "unreachable": [("failed", NOT_ON_WHATSAPP)],
}
ANSWERS = {
    "accepted": (OutcomeKind.ACCEPTED, None),
    "held": (OutcomeKind.HELD, None),
    "too fast": (OutcomeKind.REJECTED, classify(130429)),
    "send failed": (OutcomeKind.REJECTED, classify(LOST)),
    "undeliverable": (OutcomeKind.REJECTED, classify(NOT_ON_WHATSAPP)),
    "answer lost": (OutcomeKind.UNKNOWN, NO_ANSWER),
    "request lost": (OutcomeKind.UNKNOWN, NO_ANSWER),
}
answers, fates = st.sampled_from(sorted(ANSWERS)), st.sampled_from(sorted(FATES))
# The answer, what becomes of the message, and whether the answer is written down now, later
# (perhaps never) or was lost with its sender.
calls = st.tuples(answers | st.just("accepted"), fates, st.sampled_from(["now", "later", "lost"]))
rarely = st.integers(0, 3).map(lambda dice: dice == 3)
TAKEN = {"accepted", "held", "answer lost"}  # WhatsApp has it


@dataclass
class Message:
    """One that WhatsApp accepted."""

    attempt: AttemptKey
    to: str
    wamid: str
    fate: str
    place: int  # of its rung
    failed: bool = False  # and we were told


@dataclass
class Sender:
    """One process's claim, and what it has in hand."""

    claim: Claim
    held: dict[int, Delivery]
    sent_as: SentAs  # the rung that its messages are made for
    marked_at: dict[int, datetime] = field(default_factory=dict)
    # How calls ended that are not written down yet; with the tries charged before.
    outcomes: dict[AttemptKey, tuple[SendOutcome, int]] = field(default_factory=dict)


class Operators:
    """What people do to a distribution, and how it stands."""

    distribution_id: int
    now: datetime
    gone: set[int]

    def close(self) -> None:
        closing.complete_if_done(self.distribution_id, now=self.now)

    def pause(self) -> None:
        control.pause(self.distribution_id, reason="by an operator", now=self.now)

    def resume(self) -> None:
        try:
            control.resume(self.distribution_id, now=self.now)
        except ControlError:
            assert not Distribution.objects.filter(state=DistributionState.PAUSED).exists()

    def take_rung(self) -> None:
        place = self.rung_of_now().place
        if rung_change.leave(self.distribution_id, place, why="refused", now=self.now):
            assert self.rung_of_now().place == place + 1

    def rung_of_now(self) -> SentAs:
        row = Distribution.objects.select_related("rung").get(pk=self.distribution_id)
        return SentAs(row.rung_id or 0, row.place)

    def cancel(self) -> None:
        if Distribution.objects.running().exists():
            control.cancel(self.distribution_id, reason="by an operator", now=self.now)

    def everybody_ends(self) -> None:
        """All senders die; the regular check brings everybody to an end with a reason."""
        self.time_passes(self.rest_of_the_window + 61)
        self.tick()
        self.check()
        self.step = "close"
        self.close()
        self.check()
        assert set(self.before.values()) <= TERMINAL
        assert not Distribution.objects.running().exists()

    def opt_out(self) -> None:
        # The last in the queue, who is most likely to wait still.
        person = Subscriber.objects.filter(status=Status.ACTIVE).order_by("pk").last()
        if person is not None:
            Subscriber.objects.filter(pk=person.pk).update(status=Status.UNSUBSCRIBED)
            self.gone.add(person.pk)

    def states(self) -> dict[int, str]:
        return dict(Delivery.objects.values_list("pk", "state"))

    @property
    def rest_of_the_window(self) -> int:
        end = Distribution.objects.get(pk=self.distribution_id).window_end
        return max(0, int((end - self.now).total_seconds()))
