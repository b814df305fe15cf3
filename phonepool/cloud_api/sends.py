"""Prepared messages on their way: when each goes, what stops it, and the outcome it gets."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any
from urllib.parse import quote

from phonepool.cloud_api import responses
from phonepool.cloud_api.dispatcher import Dispatcher
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
    CloudApiError,
    Failure,
    NotSent,
    Rejected,
    Unanswered,
)
from phonepool.failpoints import failpoint

log = logging.getLogger(__name__)

E164 = re.compile(r"\+[1-9]\d{6,14}")


@dataclass(frozen=True, slots=True)
class PreparedMessage:
    """One message, ready to go. Times are seconds of `time.monotonic`."""

    key: int  # given back with the outcome
    attempt_id: str  # echoed by every webhook about this message
    phone_number_id: str  # Meta's id of the number that sends
    to: str  # E.164 with its plus: without it Meta prepends the sender's country code
    template: str
    language: str
    components: Sequence[Mapping[str, Any]]
    send_at: float  # its slot: never earlier
    deadline: float  # no byte leaves after this
    spacing: float  # seconds between two sends of this number at its limit


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
    started_at: datetime  # first byte; when none left, when the call was taken up
    ended_at: datetime
    details: str = ""  # Meta's words, masked
    fbtrace_id: str = ""  # for Meta's support


@dataclass(frozen=True, slots=True)
class SendContext:
    """What all callers of one client share: connections, threads and pacing."""

    transport: Transport
    version: str  # of the API, such as v25.0
    dispatcher: Dispatcher[_Call]
    gate: Gate = field(default_factory=Gate)

    def path(self, *parts: str) -> str:
        """The path of an object at the API; its parts cannot break out of it."""
        return "/".join(["", self.version, *(quote(part, safe="") for part in parts)])


class Dispatch:
    """One caller's messages under way. Not to be shared by threads that collect at once.

    Leaving the `with` block, `close()` and dropping the object cancel what has not begun;
    cancelled messages are never sent and end as NOT_SENT. What has begun ends by itself, and its
    outcome can still be collected.
    """

    def __init__(self, line: SendContext) -> None:
        self._line = line
        self._batch = _DispatchState()
        self._taken = 0

    def submit(self, messages: Iterable[PreparedMessage]) -> None:
        """Send each at its time. Returns at once; may be called again and again."""
        calls = [_Call(message, self._batch, self._line) for message in messages]
        self._batch.expect(len(calls))
        self._line.dispatcher.submit(calls)

    def collect(self, timeout: float) -> list[SendOutcome]:
        """What ended since the last time, gathered for `timeout` seconds; sooner when all have."""
        self._batch.wait_for_all(timeout)
        new = self._batch.outcomes[self._taken :]
        self._taken += len(new)
        return new

    def close(self) -> None:
        """Cancel what has not begun."""
        self._batch.cancel()
        self._line.dispatcher.withdraw(lambda call: call.batch is self._batch)

    def __enter__(self) -> Dispatch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self._batch.cancelled = True  # no lock: this may run in the middle of anything


class _DispatchState:
    """What the threads and a `Dispatch` share; it outlives the latter while calls run."""

    def __init__(self) -> None:
        self.changed = threading.Condition(threading.Lock())
        self.outcomes: list[SendOutcome] = []
        self.expected = 0
        self.cancelled = False

    def expect(self, more: int) -> None:
        with self.changed:
            self.expected += more

    def give(self, outcome: SendOutcome) -> None:
        with self.changed:
            self.outcomes.append(outcome)
            if len(self.outcomes) >= self.expected:  # wake the collector then, not before
                self.changed.notify_all()

    def wait_for_all(self, timeout: float) -> None:
        with self.changed:
            self.changed.wait_for(lambda: len(self.outcomes) >= self.expected, timeout)

    def cancel(self) -> None:
        with self.changed:  # whoever has passed `start` has begun; nobody else will
            self.cancelled = True

    def start(self) -> None:
        with self.changed:
            if self.cancelled:
                raise NotSent(WITHDRAWN)


class _Call:
    """One message on its way through the dispatcher."""

    __slots__ = ("batch", "line", "message", "phone_number_id", "send_at", "spacing", "started_at")

    def __init__(self, message: PreparedMessage, batch: _DispatchState, line: SendContext) -> None:
        self.message, self.batch, self.line = message, batch, line
        self.phone_number_id, self.send_at = message.phone_number_id, message.send_at
        self.spacing = message.spacing
        self.started_at: datetime | None = None

    def run(self) -> None:
        began = datetime.now(UTC)
        self.batch.give(self._outcome(self._answer(), began))

    def drop(self) -> None:
        self.batch.give(self._outcome(_failed(NotSent(WITHDRAWN)), datetime.now(UTC)))

    def guard(self) -> None:
        """Connected and about to write: wait for the slot and the turn, then look once more."""
        _sleep_until(self.send_at)
        gate, now = self.line.gate, time.monotonic()
        _sleep_until(gate.pass_at(self.phone_number_id, self.spacing, now))
        while (wait := gate.enter(self.phone_number_id, self.spacing, time.monotonic())) > 0:
            time.sleep(wait)
        failpoint("before_write")
        self._check()
        self.started_at = datetime.now(UTC)

    def _check(self) -> None:
        self.batch.start()
        # A process that was suspended wakes here after somebody else took over its work.
        if time.monotonic() >= self.message.deadline:
            raise NotSent(DEADLINE_PASSED)

    def _answer(self) -> SendResult:
        try:
            self._check()  # already hopeless: not even a connection
            path = self.line.path(self.phone_number_id, "messages")
            body = _body(self.message)
            return responses.read_send(self.line.transport.post(path, body, guard=self.guard))
        except CloudApiError as error:
            return _failed(error)
        except Exception:
            # A bug; but without an outcome its caller would wait for ever.
            log.exception("the call for attempt %s broke", self.message.attempt_id)
            return _failed(Unanswered(NO_ANSWER) if self.started_at else NotSent(NOT_SENT))

    def _outcome(self, answer: SendResult, began: datetime) -> SendOutcome:
        return SendOutcome(
            key=self.message.key,
            kind=answer.kind,
            wamid=answer.wamid,
            failure=answer.failure,
            code=answer.code,
            http_status=answer.http_status,
            retry_after=answer.retry_after,
            started_at=self.started_at or began,
            ended_at=datetime.now(UTC),
            details=answer.details,
            fbtrace_id=answer.fbtrace_id,
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
    """The request's JSON; `Rejected` when no API could take it."""
    if not E164.fullmatch(message.to):
        raise Rejected(BAD_RECIPIENT)
    template = {
        "name": message.template,
        "language": {"code": responses.language_code(message.language)},
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
