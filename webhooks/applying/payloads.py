"""Meta's JSON → typed events. Pure and tolerant: what is unknown is counted, not refused.

Each item is read alone: an unusable one is left out and its neighbours are read. The shapes are
those of `messages` and `user_preferences`; `notice_payloads` has the management fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from distribution.ledger.attempts import ids
from distribution.outcomes.report_rules import StatusReport
from phonepool.json_values import (
    as_array,
    as_datetime,
    as_integer,
    as_object,
    as_text,
    parse_object,
)
from phonepool.masking import masked
from subscribers import phones
from webhooks.applying import events, notice_payloads
from webhooks.applying.changes import Change, Item, Value
from webhooks.applying.events import ParsedWebhook

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


def _status(change: Change, item: Value) -> Item:
    status = STATUSES.get(as_text(item.get("status")))
    wamid = as_text(item.get("id"))
    attempt = ids.parse(as_text(item.get("biz_opaque_callback_data"), longest=512))
    if status is None or not (wamid or attempt):
        return "statuses.status" if status is None else "statuses.id"
    at = as_datetime(item.get("timestamp"), latest=change.received_at)
    code, details = _first_error(item.get("errors")) if status == "failed" else (None, "")
    return events.Status(change.number, StatusReport(status, at, wamid, attempt, code, details))


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
    return events.Trouble(change.number, code, change.at, _details(item))


def _inbound(change: Change, item: Value) -> Item:
    phone = _phone(change, item.get("from"), item.get("from_user_id"))
    if not phone:
        return "messages.from"  # people with a user name only, for one
    at = as_datetime(item.get("timestamp"), latest=change.received_at)
    kind = as_text(item.get("type"))
    if kind == "system":
        if as_object(item.get("system")).get("type") != "user_changed_number":
            return "messages.system"
        return events.PersonMoved(change.number, phone, at)
    said, chosen = _texts_of_kind(kind, item)
    if not said and not chosen and kind not in SILENT_TYPES:
        change.skipped["messages.type"] += 1
    return events.Inbound(change.number, phone, as_text(item.get("id")), at, said, chosen)


def _texts_of_kind(kind: str, item: Value) -> tuple[str, tuple[str, ...]]:
    """What the person typed, and what the person chose."""
    content = as_object(item.get(kind))
    if kind == "text":
        said = content.get("body")
        return (said if isinstance(said, str) else ""), ()
    if kind == "button":
        return "", _texts(content, "payload", "text")
    if kind == "interactive":
        reply = as_object(content.get("button_reply")) or as_object(content.get("list_reply"))
        return "", _texts(reply, "id", "title")
    return "", ()


def _texts(content: Value, *keys: str) -> tuple[str, ...]:
    found = (content.get(key) for key in keys)
    return tuple(label for label in found if isinstance(label, str) and label)


def _phone(change: Change, wa_id: object, user_id: object) -> str:
    """The phone of a WhatsApp id, or of the user id if the same change names its phone; or ''."""
    digits = as_text(wa_id) or _phone_of_user(change, as_text(user_id))
    try:
        return phones.from_wa_id(digits)
    except phones.InvalidPhone:
        return ""


def _phone_of_user(change: Change, user_id: str) -> str:
    for contact in map(as_object, as_array(change.value.get("contacts"))):
        if user_id and contact.get("user_id") == user_id:
            return as_text(contact.get("wa_id"))
    return ""


# --- user_preferences ---------------------------------------------------------------------------


def _preferences(change: Change) -> Iterator[Item]:
    for item in map(as_object, as_array(change.value.get("user_preferences"))):
        phone = _phone(change, item.get("wa_id"), item.get("user_id"))
        wants = {"stop": False, "resume": True}.get(as_text(item.get("value")))
        if not phone or wants is None:
            yield "user_preferences.value" if phone else "user_preferences.wa_id"
        else:
            at = as_datetime(item.get("timestamp"), latest=change.received_at)
            yield events.PreferenceChanged(change.number, phone, wants, at)


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
