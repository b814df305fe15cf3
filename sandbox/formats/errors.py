"""The platform's error codes, as listed in errors.json: response bodies, HTTP statuses, texts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from sandbox.formats.compact_json import compact_bytes

HREF = "/documentation/business-messaging/whatsapp/support/error-codes"


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One row of errors.json; `http` is the status of the synchronous answer."""

    http: int
    title: str
    details: str


ERRORS = {
    int(code): ErrorKind(**row)
    for code, row in json.loads(Path(__file__).with_name("errors.json").read_text()).items()
}
_UNLISTED = ErrorKind(400, "Error", "An error of this code.")


class Refusal(Exception):  # noqa: N818 - a response of the platform, not an error of ours
    """A Graph error for a request that was not processed. Raised by the validation rules."""

    def __init__(
        self,
        code: int,
        details: str = "",
        *,
        http: int | None = None,
        subcode: int | None = None,
    ) -> None:
        kind = ERRORS.get(code, _UNLISTED)
        self.code = code
        self.http = http if http is not None else kind.http
        self.details = details or kind.details
        self.subcode = subcode
        super().__init__(f"{code}: {self.details}")


def require(met: object, code: int, details: str = "") -> None:
    """Raises the Refusal unless the condition of a rule is met."""
    if not met:
        raise Refusal(code, details)


def unknown_object(name: str) -> Refusal:
    """The error for an id that does not exist or is not ours."""
    details = f"Unsupported request. Object with ID '{name}' does not exist or cannot be loaded."
    return Refusal(100, details, subcode=33)


def refusal_body(refusal: Refusal, trace: str) -> bytes:
    """The JSON of a synchronous error."""
    kind = ERRORS.get(refusal.code, _UNLISTED)
    error: dict[str, object] = {
        "message": f"(#{refusal.code}) {kind.title}",
        "type": "OAuthException",
        "code": refusal.code,
    }
    if refusal.subcode == 33:
        error |= {"message": refusal.details, "type": "GraphMethodException"}
    else:
        error["error_data"] = {"messaging_product": "whatsapp", "details": refusal.details}
    if refusal.subcode is not None:
        error["error_subcode"] = refusal.subcode
    error["fbtrace_id"] = trace
    return compact_bytes({"error": error})


def status_error(code: int, details: str = "") -> dict[str, object]:
    """The entry of `errors` in a failed status."""
    kind = ERRORS.get(code, _UNLISTED)
    return {
        "code": code,
        "title": kind.title,
        "message": kind.title,
        "error_data": {"details": details or kind.details},
        "href": HREF,
    }
