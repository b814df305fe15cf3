"""How it went to hand a message to a channel."""

from __future__ import annotations

from dataclasses import dataclass

from distribution.event_webhooks.http_post import PostResult


@dataclass(frozen=True, slots=True)
class Sent:
    """Without `ok`, `error` says why and what to do; `final`: trying again is pointless."""

    ok: bool
    error: str = ""
    final: bool = False
    retry_after: float = 0.0  # seconds
    status: int | None = None  # of HTTP, where there is one


OK = Sent(ok=True)


def failed(error: str, *, final: bool = False) -> Sent:
    return Sent(ok=False, error=error, final=final)


def of_post(result: PostResult, error: str = "", *, final: bool = False) -> Sent:
    """How a POST went; `error` instead of its own words."""
    return Sent(
        ok=result.ok,
        error=error or result.error,
        final=final,
        retry_after=result.retry_after,
        status=result.status,
    )
