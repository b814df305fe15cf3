"""Parses the Cloud API's responses. Pure; tolerates any content of any field."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from phonepool.cloud_api import foreign_answers
from phonepool.cloud_api.retry_after import retry_after
from phonepool.cloud_api.transport import Response
from phonepool.errors import (
    PROXY_ANSWER,
    THROUGHPUT_EXCEEDED,
    UNREADABLE,
    Action,
    Failure,
    classify,
)
from phonepool.exceptions import Rejected, Unanswered
from phonepool.json_values import as_array, as_integer, as_object, as_printable, objects_in, parse
from phonepool.masking import MAX_TRACE_ID_CHARACTERS, masked

MAX_WAMID_CHARACTERS = 512
MAX_MEDIA_ID_CHARACTERS = 255
# `paused` is in the value lists of client libraries, not in Meta's; treated like a held message.
HELD_STATUSES = ("held_for_quality_assessment", "paused")


class OutcomeKind(StrEnum):
    """How one call ended: known (the first four) or unknown."""

    ACCEPTED = "ACCEPTED"  # 2xx with a message id
    HELD = "HELD"  # the same, but Meta holds the message back for now
    REJECTED = "REJECTED"  # an error that means "not processed", or no call was made
    NOT_SENT = "NOT_SENT"  # no byte left this machine
    UNKNOWN = "UNKNOWN"  # all other results


class SendResult(NamedTuple):
    """What one response to a send means. `failure` is None only for ACCEPTED and HELD."""

    kind: OutcomeKind
    failure: Failure | None = None
    wamid: str = ""
    code: int | None = None
    http_status: int | None = None
    retry_after: float | None = None  # seconds Meta asks us to wait
    details: str = ""
    fbtrace_id: str = ""


class GraphError(NamedTuple):
    """The `error` object of a response."""

    code: int | None  # None: it has only a message
    subcode: int | None
    details: str
    fbtrace_id: str


@dataclass(frozen=True, slots=True)
class PhoneNumberFacts:
    """A phone number as Meta describes it; missing fields are empty."""

    id: str
    status: str  # CONNECTED, FLAGGED, RESTRICTED, …
    quality_rating: str  # GREEN, YELLOW, RED, UNKNOWN


@dataclass(frozen=True, slots=True)
class TemplateFacts:
    """A message template as Meta describes it; missing fields are empty."""

    id: str
    name: str
    language: str  # with an underscore, as sends need it
    category: str
    status: str
    quality: str
    components: tuple[dict[str, Any], ...]


def read_send(response: Response) -> SendResult:
    """Classifies the response to a send. Never raises."""
    document = parse(response.body)
    status = response.status
    if 200 <= status < 300:
        return _accepted(document, status)
    first = foreign_answers.first_of_list(document) if status < 500 else document
    error = graph_error(first) if status >= 400 else None
    failure = _failure(response, document, error)
    unknown = failure.action is Action.UNKNOWN
    return SendResult(
        kind=OutcomeKind.UNKNOWN if unknown else OutcomeKind.REJECTED,
        failure=failure,
        code=error.code if error else None,
        http_status=status,
        retry_after=retry_after(response),
        details=error.details if error else _details(response, failure),
        fbtrace_id=error.fbtrace_id if error else "",
    )


def _failure(response: Response, document: Any, error: GraphError | None) -> Failure:
    """What a response outside 2xx means. One without a code is judged by its HTTP status: 429 is a
    refusal whatever the body; with an error object of Graph's form so is every 4xx."""
    status = response.status
    if error is not None and not (error.code is None and status >= 500):
        if error.code is None and status == foreign_answers.TOO_MANY_REQUESTS:
            return THROUGHPUT_EXCEEDED
        # Without a code a 401 can only be the token.
        code = 0 if error.code is None and status == 401 else error.code
        return classify(code, http_status=status, subcode=error.subcode, details=error.details)
    if foreign_answers.is_throttling(status, document):
        return THROUGHPUT_EXCEEDED
    return PROXY_ANSWER if status in foreign_answers.PROXY_STATUSES else UNREADABLE


def _details(response: Response, failure: Failure) -> str:
    foreign = failure in (PROXY_ANSWER, THROUGHPUT_EXCEEDED)
    return masked(foreign_answers.description(response)) if foreign else ""


def read_object(response: Response) -> dict[str, Any]:
    """The JSON object of a successful read; else raises `Rejected` or `Unanswered`."""
    document = parse(response.body)
    status, error = response.status, graph_error(document)
    if error is not None and (error.code is not None or status >= 400):
        failure = _failure(response, document, error)
        wait = retry_after(response)
        raise Rejected(failure, error.details, error.code, status, error.fbtrace_id, wait)
    if not 200 <= status < 300:
        failure = _failure(response, document, None)
        if failure.action is Action.UNKNOWN:
            raise Unanswered(failure, _details(response, failure) or f"HTTP {status}")
        details = _details(response, failure)
        raise Rejected(failure, details, None, status, "", retry_after(response))
    if not isinstance(document, dict):
        raise Unanswered(UNREADABLE, f"HTTP {status}")
    return document


def phone_number(document: dict[str, Any]) -> PhoneNumberFacts:
    """The phone number in a response to a read."""
    rating = _text(document, "quality_rating") or _text(_inner(document, "quality_score"), "score")
    return PhoneNumberFacts(_text(document, "id"), _text(document, "status"), rating)


def message_template(document: dict[str, Any]) -> TemplateFacts:
    """The message template in a response to a read."""
    return TemplateFacts(
        id=_text(document, "id"),
        name=_text(document, "name"),
        language=language_code(_text(document, "language")),
        category=_text(document, "category"),
        status=_text(document, "status"),
        quality=_text(_inner(document, "quality_score"), "score"),
        components=tuple(objects_in(document.get("components"))),
    )


def media_id(document: dict[str, Any]) -> str:
    """The id of an uploaded file; raises `Unanswered` if there is none that a send could use."""
    media_id = _text(document, "id")
    if not media_id or len(media_id) > MAX_MEDIA_ID_CHARACTERS:
        raise Unanswered(UNREADABLE, "no media id")
    return media_id


def items(page: dict[str, Any]) -> list[dict[str, Any]]:
    """The objects of one page of a list."""
    return objects_in(page.get("data"))


def next_cursor(page: dict[str, Any]) -> str:
    """Where the next page begins; empty on the last one."""
    paging = _inner(page, "paging")
    # The link itself is not followed: it may contain the token and point anywhere.
    return _text(_inner(paging, "cursors"), "after") if paging.get("next") else ""


@lru_cache(maxsize=256)
def language_code(code: str) -> str:
    """The code as in Meta's API, `en_US`, which is our key; webhooks write `en-US`."""
    language, *rest = re.split("[-_]", code.strip())
    return "_".join([language.lower(), *(part.upper() for part in rest)])


def graph_error(document: Any) -> GraphError | None:
    """The error in a response, if it has one with a code, or at least with a message."""
    error = _inner(document, "error")
    code = _integer(error.get("code"))
    if code is None and not _text(error, "message"):
        return None
    data = error.get("error_data")
    details = data if isinstance(data, str) else _text(_inner(error, "error_data"), "details")
    return GraphError(
        code=code,
        subcode=_integer(error.get("error_subcode")),
        details=masked(details or _text(error, "message")),
        fbtrace_id=_text(error, "fbtrace_id")[:MAX_TRACE_ID_CHARACTERS],
    )


def _accepted(document: Any, status: int) -> SendResult:
    messages = as_array(as_object(document).get("messages"))
    first = messages[0] if messages else None
    wamid = _wamid(first)
    if not wamid:
        return SendResult(OutcomeKind.UNKNOWN, UNREADABLE, http_status=status)
    held = _text(first, "message_status") in HELD_STATUSES
    kind = OutcomeKind.HELD if held else OutcomeKind.ACCEPTED
    return SendResult(kind, wamid=wamid, http_status=status)


def _wamid(message: Any) -> str:
    """The message id if it can be stored and compared, else empty: Meta's ids are ASCII."""
    wamid = as_object(message).get("id")
    if not isinstance(wamid, str) or len(wamid) > MAX_WAMID_CHARACTERS:
        return ""
    return wamid if wamid.isascii() and wamid.isprintable() else ""


def _inner(document: object, name: str) -> dict[str, Any]:
    return as_object(as_object(document).get(name))


def _text(document: object, name: str) -> str:
    return as_printable(as_object(document).get(name))


def _integer(value: object) -> int | None:
    """An integer that a database column can hold, else None."""
    return as_integer(value, low=1 - 2**31)
