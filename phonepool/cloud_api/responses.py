"""Parses the Cloud API's responses. Pure; tolerates any content of any field."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from phonepool.cloud_api import billing, foreign_answers
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
from phonepool.json_values import (
    as_array,
    as_constant,
    as_integer,
    as_object,
    as_printable,
    objects_in,
    parse,
)
from phonepool.masking import MAX_TRACE_ID_CHARACTERS, masked

MAX_WAMID_CHARACTERS = 512
MAX_MEDIA_ID_CHARACTERS = 255
MAX_USER_ID_CHARACTERS = 150  # Meta's have 23
WA_ID = re.compile(r"[1-9][0-9]{6,14}", re.ASCII)
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
    wa_id: str = ""  # this and the next: what WhatsApp calls the recipient, if it tells
    user_id: str = ""


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
    messaging_limit: str = ""  # of its portfolio: TIER_2K, UNLIMITED, …
    display_number: str = ""
    verified_name: str = ""  # as recipients see it
    throughput: str = ""  # STANDARD, HIGH


class OwnerFacts(NamedTuple):
    """A business portfolio as Meta describes it; missing fields are empty."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """A WhatsApp Business account as Meta describes it; missing fields are empty."""

    review: str = ""  # APPROVED, REJECTED, PENDING, …
    health: str = ""  # the worst of what its messages depend on: AVAILABLE, LIMITED, BLOCKED
    blocked_by: tuple[str, ...] = ()  # what is BLOCKED, with the codes of its errors
    currency: str = ""  # in which Meta bills it: INR, USD, …
    time_zone: str = ""  # its IANA name
    is_funded: bool | None = None  # has a payment method; None: Meta was not asked


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
    return PhoneNumberFacts(
        _text(document, "id"),
        _text(document, "status"),
        rating,
        _text(document, "whatsapp_business_manager_messaging_limit"),
        display_number=_text(document, "display_phone_number"),
        verified_name=_text(document, "verified_name"),
        throughput=_text(_inner(document, "throughput"), "level"),
    )


def owner(document: dict[str, Any]) -> OwnerFacts:
    """The owner in a response to a read of an account."""
    told = _inner(document, "owner_business_info")
    return OwnerFacts(_text(told, "id"), _text(told, "name"))


def account(document: dict[str, Any], *, funding_asked: bool = False) -> AccountFacts:
    """The account in a response to a read. Meta leaves out a payment method that does not exist."""
    health = _inner(document, "health_status")
    return AccountFacts(
        as_constant(document.get("account_review_status")),
        as_constant(health.get("can_send_message")),
        tuple(
            _entity(entity)
            for entity in objects_in(health.get("entities"))
            if as_constant(entity.get("can_send_message")) == "BLOCKED"
        ),
        billing.currency(document),
        billing.time_zone(document),
        "primary_funding_id" in document if funding_asked else None,
    )


def _entity(entity: dict[str, Any]) -> str:
    codes = [_integer(error.get("error_code")) for error in objects_in(entity.get("errors"))]
    words = [as_constant(entity.get("entity_type")), *(str(code) for code in codes if code)]
    return " ".join(filter(None, words))


def media_id(document: dict[str, Any]) -> str:
    """The id of an uploaded file; raises `Unanswered` if there is none that a send could use."""
    media_id = _text(document, "id")
    if not media_id or len(media_id) > MAX_MEDIA_ID_CHARACTERS:
        raise Unanswered(UNREADABLE, "no media id")
    return media_id


def media_type(document: dict[str, Any]) -> str:
    """The MIME type of an uploaded file, without parameters; empty if missing."""
    return _text(document, "mime_type").partition(";")[0].strip().lower()


def items(page: dict[str, Any]) -> list[dict[str, Any]]:
    """The objects of one page of a list."""
    return objects_in(page.get("data"))


def next_cursor(page: dict[str, Any]) -> str:
    """Where the next page begins; empty on the last one."""
    paging = _inner(page, "paging")
    # The link itself is not followed: it may contain the token and point anywhere.
    return _text(_inner(paging, "cursors"), "after") if paging.get("next") else ""


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
        details=masked(details or _text(error, "error_user_msg") or _text(error, "message")),
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
    wa_id, user_id = _recipient(document)
    return SendResult(kind, wamid=wamid, http_status=status, wa_id=wa_id, user_id=user_id)


def _recipient(document: dict[str, Any]) -> tuple[str, str]:
    """The WhatsApp id and the user id in an answer to one message; '' for what is not told."""
    contacts = as_array(document.get("contacts"))
    if len(contacts) != 1:
        return "", ""
    wa_id, user_id = _text(contacts[0], "wa_id"), _text(contacts[0], "user_id")
    return (
        wa_id if WA_ID.fullmatch(wa_id) else "",
        user_id if len(user_id) <= MAX_USER_ID_CHARACTERS else "",
    )


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
