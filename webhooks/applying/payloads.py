"""Meta's JSON → typed events. Pure and tolerant: what is unknown is counted, not refused.

Each item is read alone: an unusable one is left out and its neighbours are read. The shapes are
those of `messages` and `user_preferences`; `notice_payloads` has the management fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from distribution.ledger.attempts import ids
from distribution.outcomes.report_rules import FAILED, PROGRESS_BY_STATUS, StatusReport
from distribution.outcomes.reported_pricing import ReportedPricing
from phonepool.json_values import (
    as_array,
    as_datetime,
    as_integer,
    as_object,
    as_text,
    parse_object,
)
from phonepool.masking import masked
from webhooks.applying import events, notice_payloads, senders
from webhooks.applying.changes import Change, Item, Value
from webhooks.applying.events import ParsedWebhook
from webhooks.applying.senders import Sender

STATUSES = {word: word for word in ("sent", "delivered", "read", "failed")} | {"played": "read"}
SILENT_TYPES = frozenset(
    (
        "image",
        "video",
        "audio",
        "document",
        "sticker",
        "reaction",
        "location",
        "contacts",
        "order",
        "unsupported",
    )
)
PRICING_WORD = 40  # characters
FRAME = frozenset(("messaging_product", "metadata", "contacts"))


def parse(body: bytes, *, received_at: datetime) -> ParsedWebhook:
    """Every event in a body that is understood; Unreadable when it is no JSON object."""
    parsed = ParsedWebhook()
    for entry in as_array(parse_object(body).get("entry")):
        time = as_datetime(as_object(entry).get("time"), latest=received_at)
        account = as_text(as_object(entry).get("id"), longest=32)
        for change in map(as_object, as_array(as_object(entry).get("changes"))):
            value = as_object(change.get("value"))
            number = as_text(as_object(value.get("metadata")).get("phone_number_id"))
            known = Change(value, account, number, time, received_at, parsed.skipped)
            _read_change(as_text(change.get("field")), known, parsed)
    if not parsed.events and not parsed.skipped:
        parsed.skipped["empty"] += 1
    return parsed


def _read_change(field: str, known: Change, parsed: ParsedWebhook) -> None:
    reader = READERS.get(field)
    items: Iterable[Item] = reader(known) if reader else [field or "field"]
    for item in items:
        if isinstance(item, str):
            parsed.skipped[item] += 1
        else:
            parsed.events.append(item)


# --- messages -----------------------------------------------------------------------------------


def _messages(change: Change) -> Iterator[Item]:
    for key, found in change.value.items():
        if key in ITEM_READERS:
            for item in as_array(found):
                yield ITEM_READERS[key](change, as_object(item))
        elif key not in FRAME:
            yield f"messages.{key}"


# Begin our callback data of test messages, which have no attempt.
TESTS = ("preflight:", "test:")


def _status(change: Change, item: Value) -> Item:
    status = STATUSES.get(as_text(item.get("status")))
    wamid = as_text(item.get("id"))
    told = as_text(item.get("biz_opaque_callback_data"), longest=512)
    attempt = ids.parse(told)
    if status is None or not (wamid or attempt):
        return "statuses.status" if status is None else "statuses.id"
    at = as_datetime(item.get("timestamp"), latest=change.received_at)
    code, details = _first_error(item.get("errors")) if status == "failed" else (None, "")
    pricing = _pricing(item["pricing"], status) if "pricing" in item else None
    wa_id, user_id = senders.read_recipient(change.value, item)
    mark = told if told.startswith(TESTS) else ""
    report = StatusReport(status, at, wamid, attempt, code, details, pricing, wa_id, user_id, mark)
    return events.Status(change.number, report)


def _pricing(block: object, status: str) -> ReportedPricing | None:
    """As Meta writes it, but in one spelling; None on a failure, which costs nothing."""
    told = as_object(block)
    category = as_text(told.get("category"), longest=PRICING_WORD).lower().replace("-", "_")
    kind = as_text(told.get("type"), longest=PRICING_WORD).lower()
    if status == FAILED or not (category or kind):
        return None
    billable = told.get("billable")
    return ReportedPricing(
        PROGRESS_BY_STATUS[status],
        category,
        kind,
        as_text(told.get("pricing_model"), longest=PRICING_WORD),
        billable if isinstance(billable, bool) else None,
    )


def _first_error(errors: object) -> tuple[int | None, str]:
    """The code and the details of the first error that has a code."""
    for error in map(as_object, as_array(errors)):
        code = as_integer(error.get("code"))
        if code is not None:
            return code, _details(error)
    return None, ""


def _details(error: Value) -> str:
    """What Meta writes beside a code, most precise first, masked."""
    data = error.get("error_data")
    texts = (as_object(data).get("details"), data, error.get("message"), error.get("title"))
    return masked(next((text for text in texts if isinstance(text, str) and text), ""))


def _trouble(change: Change, item: Value) -> Item:
    code = as_integer(item.get("code"))
    if code is None:
        return "errors.code"
    return events.Trouble(change.number, code, change.at, _details(item), change.account)


def _inbound(change: Change, item: Value) -> Item:
    kind = as_text(item.get("type"))
    if kind == "system":
        return _system(change, item)
    who = _sender(change, item.get("from"), item.get("from_user_id"))
    if not who:
        return "messages.from"
    at = as_datetime(item.get("timestamp"), latest=change.received_at)
    said, chosen = senders.read_texts(kind, item)
    if not said and not chosen and kind not in SILENT_TYPES:
        change.skipped["messages.type"] += 1
    message_id = _edit_id(item) if kind == "edit" else as_text(item.get("id"))
    return events.Inbound(change.number, who.phone, message_id, at, said, chosen, who.user_id, kind)


def _edit_id(item: Value) -> str:
    """Names this edit: a message may be edited several times, perhaps under its own id."""
    original = as_object(item.get("edit")).get("original_message_id") or item.get("id")
    return f"edit {as_text(item.get('timestamp'), longest=20)} of {as_text(original)}"


def _system(change: Change, item: Value) -> Item:
    """Another number or user id of a person; `from`, if told, is the number we know."""
    told = as_object(item.get("system"))
    if told.get("type") not in ("user_changed_number", "user_changed_user_id"):
        return "messages.system"
    before = told.get("previous_user_id") or item.get("from_user_id")
    who = _sender(change, item.get("from") or told.get("customer"), before)
    if not who:
        return "messages.from"
    at = as_datetime(item.get("timestamp"), latest=change.received_at)
    now_called = as_text(told.get("user_id"), longest=senders.USER_ID_LENGTH)
    return events.PersonMoved(change.number, who.phone, at, who.user_id, now_called)


def _sender(change: Change, wa_id: object, user_id: object) -> Sender:
    items = as_array(change.value.get("messages") or change.value.get("user_preferences"))
    return senders.read_sender(change.value, wa_id, user_id, alone=len(items) == 1)


# --- user_preferences ---------------------------------------------------------------------------


def _preferences(change: Change) -> Iterator[Item]:
    for item in map(as_object, as_array(change.value.get("user_preferences"))):
        who = _sender(change, item.get("wa_id"), item.get("user_id"))
        wants = {"stop": False, "resume": True}.get(as_text(item.get("value")))
        if not who or wants is None:
            yield "user_preferences.value" if who else "user_preferences.wa_id"
        else:
            at = as_datetime(item.get("timestamp"), latest=change.received_at)
            yield events.PreferenceChanged(change.number, who.phone, wants, at, who.user_id)


READERS: dict[str, Callable[[Change], Iterator[Item]]] = {
    "messages": _messages,
    "user_preferences": _preferences,
    **notice_payloads.READERS,
}
ITEM_READERS: dict[str, Callable[[Change, Value], Item]] = {
    "statuses": _status,
    "messages": _inbound,
    "errors": _trouble,
}
