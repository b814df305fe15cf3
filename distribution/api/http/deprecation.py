"""Operations that will be removed, as declared by their views, and the headers that say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.utils.http import http_date

NOTICE = timedelta(days=180)  # at least: docs/api.md promises six months


@dataclass(frozen=True, slots=True)
class Deprecation:
    """When an operation was deprecated, and the day from which it is no longer there (UTC).

    A view declares it by method: `deprecations = {"GET": Deprecation(since=…, sunset=…)}`.
    """

    since: date
    sunset: date

    def __post_init__(self) -> None:
        if self.sunset - self.since < NOTICE:
            raise ValueError(
                f"Between {self.since} and {self.sunset} is less than {NOTICE.days} days."
            )

    def headers(self) -> dict[str, str]:
        """RFC 9745 writes a date as seconds since 1970 after an @, RFC 8594 as HTTP does."""
        return {
            "Deprecation": f"@{_seconds(self.since)}",
            "Sunset": http_date(_seconds(self.sunset)),
        }


def of(view: object, method: str) -> Deprecation | None:
    """The deprecation of a view's operation; None: it stays."""
    declared: Mapping[str, Deprecation] = getattr(view, "deprecations", {})
    return declared.get("GET" if method == "HEAD" else method)


def _seconds(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())
