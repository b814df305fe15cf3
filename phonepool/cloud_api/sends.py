"""Sends prepared messages at their times, cancels them, and produces an outcome for each."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from phonepool.cloud_api import message_templates, responses
from phonepool.cloud_api.dispatcher import Dispatcher
from phonepool.cloud_api.lease import NO_LEASE, Lease
from phonepool.cloud_api.pacing import Gate
from phonepool.cloud_api.responses import OutcomeKind, SendResult
from phonepool.cloud_api.transport import Transport
from phonepool.errors import (
    BAD_RECIPIENT,
    DEADLINE_PASSED,
    NO_ANSWER,
    NOT_SENT,
    UNSENDABLE,
    WITHDRAWN,
    Failure,
)
from phonepool.exceptions import CloudApiError, NotSent, Rejected, Unanswered
from phonepool.failpoints import failpoint

log = logging.getLogger(__name__)

# A call whose connection was lost at its turn, and took longer to be made again, is withdrawn: the
# caller could not withdraw it meanwhile, and has to look again whether the message is wanted.
RECONNECT_SECONDS = 0.4

E164 = re.compile(r"\+[1-9]\d{6,14}")


@dataclass(frozen=True, slots=True)
class PreparedMessage:
    """One message, ready to be sent. Times are seconds of `time.monotonic`."""

    key: int  # returned with the outcome
    attempt_id: str  # echoed by every webhook about this message
    phone_number_id: str  # Meta's id of the number that sends
    to: str  # E.164 with its plus: without it Meta prepends the sender's country code
    template: str
    language: str
    components: Sequence[Mapping[str, Any]]
    send_at: float  # its slot; never sent earlier
    deadline: float  # no byte leaves after this
    spacing: float  # seconds between two sends of this number at its limit
    lease: Lease = NO_LEASE  # of the number: no byte leaves once it is over


@dataclass(frozen=True, slots=True)
class SendOutcome:
    """How the call for one message ended. `failure` is None only when ACCEPTED or HELD."""

    key: int
    kind: OutcomeKind
    wamid: str
    failure: Failure | None
    code: int | None
    http_status: int | None
    retry_after: float | None  # seconds
    started_at: datetime  # of the first byte; if none left, when the call was started
    ended_at: datetime
    details: str = ""  # Meta's text, masked
    fbtrace_id: str = ""  # for Meta's support
    wa_id: str = ""  # this and the next: what WhatsApp calls the recipient, if it tells
    user_id: str = ""


@dataclass(frozen=True, slots=True)
class SendContext:
    """Shared by all callers of one client: connections, threads and pacing."""

    transport: Transport
    version: str  # of the API, such as v25.0
    dispatcher: Dispatcher[_Call]
    gate: Gate = field(default_factory=Gate)

    def path(self, *parts: str) -> str:
        """The path of an object of the API; the parts are quoted."""
        return "/".join(["", self.version, *(quote(part, safe="") for part in parts)])


class Dispatch:
    """One caller's messages under way. Only one thread at a time may collect.

    Leaving the `with` block, `close()` and dropping the object cancel calls that have not begun;
    their messages are never sent and end as NOT_SENT. A call that has begun runs to its end, and
    its outcome can still be collected.
    """

    def __init__(self, context: SendContext) -> None:
        self._context = context
        self._state = _DispatchState()
        self._collected = 0

    def submit(self, messages: Iterable[PreparedMessage]) -> None:
        """Sends each message at its time. Returns at once; may be called repeatedly."""
        calls = [_Call(message, self._state, self._context) for message in messages]
        self._state.expect([call.message.key for call in calls])
        self._context.dispatcher.submit(calls)

    def collect(self, timeout: float) -> list[SendOutcome]:
        """The outcomes since the last call, gathered for `timeout` seconds or until all are in."""
        self._state.wait_for_all(timeout)
        new = self._state.outcomes[self._collected :]
        self._collected += len(new)
        return new

    def late_by(self, phone_number_id: str) -> float:
        """Seconds by which the calls of this number are late, over all callers: the machine or the
        API is slower than its slots."""
        return self._context.dispatcher.late_by(phone_number_id)

    def not_begun(self) -> list[int]:
        """The keys of the messages of which no byte has left."""
        return self._state.not_begun()

    def withdraw(self, keys: Collection[int]) -> None:
        """Cancels the calls for these messages that have not begun."""
        wanted = self._state.withdraw(keys)
        self._context.dispatcher.withdraw(
            lambda call: call.state is self._state and call.message.key in wanted
        )

    def close(self) -> None:
        """Cancels the calls that have not begun."""
        self._state.cancel()
        self._context.dispatcher.withdraw(lambda call: call.state is self._state)

    def __enter__(self) -> Dispatch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self._state.cancelled = True  # without the lock: a destructor can run at any point


class _DispatchState:
    """Shared by a `Dispatch` and its calls' threads; outlives the former while calls run."""

    def __init__(self) -> None:
        self.changed = threading.Condition(threading.Lock())
        self.outcomes: list[SendOutcome] = []
        self.expected = 0
        self.cancelled = False
        self._waiting: set[int] = set()  # keys of calls that have not begun
        self._withdrawn: set[int] = set()

    def expect(self, keys: Collection[int]) -> None:
        with self.changed:
            self.expected += len(keys)
            self._waiting.update(keys)

    def not_begun(self) -> list[int]:
        with self.changed:
            return list(self._waiting)

    def withdraw(self, keys: Collection[int]) -> set[int]:
        """Those of them that had not begun, and never will."""
        with self.changed:
            withdrawn = self._waiting.intersection(keys)
            self._withdrawn |= withdrawn
            return withdrawn

    def add(self, outcome: SendOutcome) -> None:
        with self.changed:
            self._waiting.discard(outcome.key)
            self.outcomes.append(outcome)
            if len(self.outcomes) >= self.expected:  # wakes the collector only once
                self.changed.notify_all()

    def wait_for_all(self, timeout: float) -> None:
        with self.changed:
            self.changed.wait_for(lambda: len(self.outcomes) >= self.expected, timeout)

    def cancel(self) -> None:
        with self.changed:  # calls that passed `start` have begun; no other will
            self.cancelled = True

    def check(self, key: int, *, begins: bool) -> None:
        """Raises NotSent if the call was withdrawn; once it has begun it cannot be."""
        with self.changed:
            if self.cancelled or key in self._withdrawn:
                raise NotSent(WITHDRAWN)
            if begins:
                self._waiting.discard(key)


class _Call:
    """The dispatcher's job for one message."""

    __slots__ = "context", "message", "phone_number_id", "send_at", "spacing", "started_at", "state"

    def __init__(
        self, message: PreparedMessage, state: _DispatchState, context: SendContext
    ) -> None:
        self.message, self.state, self.context = message, state, context
        self.phone_number_id, self.send_at = message.phone_number_id, message.send_at
        self.spacing = message.spacing
        self.started_at: datetime | None = None

    def run(self) -> None:
        began = datetime.now(UTC)
        self.state.add(self._outcome(self._answer(), began))

    def drop(self) -> None:
        self.state.add(self._outcome(_failed(NotSent(WITHDRAWN)), datetime.now(UTC)))

    def guard(self) -> None:
        """Called when connected, before the first byte: waits for the slot and the turn, then
        checks again whether the message may be sent."""
        _sleep_until(self.send_at)
        gate, now = self.context.gate, time.monotonic()
        _sleep_until(gate.pass_at(self.phone_number_id, self.spacing, now))
        while (wait := gate.enter(self.phone_number_id, self.spacing, time.monotonic())) > 0:
            time.sleep(wait)
        failpoint("before_write")
        self._check_sendable(begins=True)
        self.started_at = datetime.now(UTC)

    def _check_sendable(self, *, begins: bool = False) -> None:
        self.state.check(self.message.key, begins=begins)
        began = self.started_at
        if began and (datetime.now(UTC) - began).total_seconds() > RECONNECT_SECONDS:
            raise NotSent(WITHDRAWN)
        # A suspended process may resume here after another one took over its work.
        if time.monotonic() >= self.message.deadline:
            raise NotSent(DEADLINE_PASSED)
        if self.message.lease.is_over:
            raise NotSent(DEADLINE_PASSED)

    def _answer(self) -> SendResult:
        try:
            self._check_sendable()  # saves the connection
            path = self.context.path(self.phone_number_id, "messages")
            body = _body(self.message)
            return responses.read_send(self.context.transport.post(path, body, guard=self.guard))
        except CloudApiError as error:
            return _failed(error)
        except Exception:
            # A bug, but without an outcome the caller would wait for ever.
            log.exception("the call for attempt %s broke", self.message.attempt_id)
            return _failed(Unanswered(NO_ANSWER) if self.started_at else NotSent(NOT_SENT))

    def _outcome(self, answer: SendResult, began: datetime) -> SendOutcome:
        return SendOutcome(
            key=self.message.key,
            started_at=self.started_at or began,
            ended_at=datetime.now(UTC),
            **answer._asdict(),
        )


def _sleep_until(moment: float) -> None:
    left = moment - time.monotonic()
    if left > 0:
        time.sleep(left)


def _failed(error: CloudApiError) -> SendResult:
    kinds = {NotSent: OutcomeKind.NOT_SENT, Rejected: OutcomeKind.REJECTED}
    kind = kinds.get(type(error), OutcomeKind.UNKNOWN)
    return SendResult(kind, error.failure, details=error.details)


_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def _body(message: PreparedMessage) -> bytes:
    """The request's JSON; raises `Rejected` if no API could accept it."""
    if not E164.fullmatch(message.to):
        raise Rejected(BAD_RECIPIENT)
    template = {
        "name": message.template,
        "language": {"code": message_templates.language_code(message.language)},
        "components": message.components,
    }
    document = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": message.to,
        "type": "template",
        "template": template,
        "biz_opaque_callback_data": message.attempt_id,
    }
    try:
        return _encode(document).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise Rejected(UNSENDABLE, type(error).__name__) from None
