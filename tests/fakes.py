"""The one fake: a Cloud API that answers at once, at the same seam as the real transport."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from itertools import count

from phonepool.cloud_api.client import OutcomeKind, PreparedMessage, SendOutcome
from phonepool.errors import Failure, classify


class FakeCloudApi:
    """Keeps what it was asked to send; answers as it was told to, else accepts."""

    def __init__(self, at: datetime | None = None) -> None:
        self.sent: list[PreparedMessage] = []
        self.answers: dict[str, list[tuple[OutcomeKind, Failure | None, int | None]]] = {}
        self.at = at
        self.retry_after: float | None = None
        self._serial = count(1)

    def refuse(self, to: str, code: int, *, times: int = 1000) -> None:
        self.answers[to] = [(OutcomeKind.REJECTED, classify(code), code)] * times

    def answer(self, to: str, kind: OutcomeKind, failure: Failure | None) -> None:
        self.answers[to] = [(kind, failure, None)]

    def dispatch(self) -> FakeDispatch:
        return FakeDispatch(self)

    def outcome(self, message: PreparedMessage) -> SendOutcome:
        self.sent.append(message)
        at = self.at or datetime.now(UTC)
        queue = self.answers.get(message.to)
        kind, failure, code = queue.pop(0) if queue else (OutcomeKind.ACCEPTED, None, None)
        accepted = kind in (OutcomeKind.ACCEPTED, OutcomeKind.HELD)
        return SendOutcome(
            key=message.key,
            kind=kind,
            wamid=f"wamid.{next(self._serial)}.{message.attempt_id}" if accepted else "",
            failure=failure,
            code=code,
            http_status=200 if accepted else 400,
            retry_after=self.retry_after,
            started_at=at,
            ended_at=at,
        )


class FakeDispatch:
    def __init__(self, api: FakeCloudApi) -> None:
        self._api = api
        self._done: list[SendOutcome] = []

    def submit(self, messages: Sequence[PreparedMessage]) -> None:
        self._done += [self._api.outcome(message) for message in messages]

    def collect(self, timeout: float) -> list[SendOutcome]:
        done, self._done = self._done, []
        return done

    def not_begun(self) -> list[int]:
        return []

    def late_by(self, phone_number_id: str) -> float:
        return 0.0

    def withdraw(self, keys: Collection[int]) -> None:
        """Nothing waits here, either."""

    def close(self) -> None:
        """Nothing waits here: what was submitted has begun."""
