"""Meta's JSON → typed events. Pure and tolerant: what is unknown is counted, not refused.

Each item is read alone: an unusable one is left out and its neighbours are read. The shapes are
those of `messages`, `user_preferences` and the management fields.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from distribution.ledger.attempts import ids
from distribution.outcomes.report_rules import StatusReport
from phonepool.json_values import (
    as_array,
    as_constant,
    as_datetime,
    as_integer,
    as_object,
    as_text,
    parse_object,
)
from subscribers import phones
from webhooks.applying import events
from webhooks.applying.events import Event, ParsedWebhook, TemplateName

Value = dict[str, Any]

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


@dataclass(slots=True)
class Change:
    """One entry of `changes`, and what is known about all items in it."""

    value: Value
    number: str  # Meta's id of the pool's number; '' on management fields
    at: datetime  # Meta's time of the event, else when it was received here
    received_at: datetime
    skipped: Counter[str]


def parse(body: bytes, *, received_at: datetime) -> ParsedWebhook:
    """Every event in a body that is understood; Unreadable when it is no JSON object."""
    parsed = ParsedWebhook()
    for entry in as_array(parse_object(body).get("entry")):
        time = as_datetime(as_object(entry).get("time"), latest=received_at)
        for change in as_array(as_object(entry).get("changes")):
            _read_change(as_object(change), time, received_at, parsed)
    if not parsed.events and not parsed.skipped:
        parsed.skipped["empty"] += 1
    return parsed


def _read_change(
    change: Value, time: datetime, received_at: datetime, parsed: ParsedWebhook
) -> None:
    field = as_text(change.get("field"))
    reader = READERS.get(field)
    if reader is None:
        parsed.skipped[field or "field"] += 1
        return
    value = as_object(change.get("value"))
    number = as_text(as_object(value.get("metadata")).get("phone_number_id"))
    parsed.events.extend(reader(Change(value, number, time, received_at, parsed.skipped)))


# --- messages -----------------------------------------------------------------------------------


def _messages(change: Change) -> Iterator[Event]:
    for key, found in change.value.items():
        if key in ITEM_READERS:
            for item in as_array(found):
                event = ITEM_READERS[key](change, as_object(item))
                if event is not None:
                    yield event
        elif key not in FRAME:
            change.skipped[f"messages.{key}"] += 1


def _status(change: Change, item: Value) -> Event | None:
    status = STATUSES.get(as_text(item.get("status")))
    wamid = as_text(item.get("id"))
    attempt = ids.parse(as_text(item.get("biz_opaque_callback_data"), longest=512))
    if status is None or not (wamid or attempt):
        change.skipped["statuses.status" if status is None else "statuses.id"] += 1
        return None
    at = as_datetime(item.get("timestamp"), latest=change.received_at)
    code = None
    if status == "failed":
        code = _first_code(item.get("errors"))
    return events.Status(change.number, StatusReport(status, at, wamid, attempt, code))


def _first_code(errors: object) -> int | None:
    codes = (as_integer(as_object(error).get("code")) for error in as_array(errors))
    return next((code for code in codes if code is not None), None)


def _trouble(change: Change, item: Value) -> Event | None:
    code = as_integer(item.get("code"))
    if code is None:
        change.skipped["errors.code"] += 1
        return None
    return events.Trouble(change.number, code, change.at)


def _inbound(change: Change, item: Value) -> Event | None:
    phone = _phone(
        as_text(item.get("from")) or _known_phone(change, as_text(item.get("from_user_id")))
    )
    if not phone:
        change.skipped["messages.from"] += 1  # people with a user name only, for one
        return None
    at = as_datetime(item.get("timestamp"), latest=change.received_at)
    kind = as_text(item.get("type"))
    if kind == "system":
        return _system(change, item, phone, at)
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


def _system(change: Change, item: Value, phone: str, at: datetime) -> Event | None:
    if as_object(item.get("system")).get("type") != "user_changed_number":
        change.skipped["messages.system"] += 1
        return None
    return events.PersonMoved(change.number, phone, at)


def _known_phone(change: Change, user_id: str) -> str:
    """The phone of a user id, if the same change names it."""
    for contact in map(as_object, as_array(change.value.get("contacts"))):
        if user_id and contact.get("user_id") == user_id:
            return as_text(contact.get("wa_id"))
    return ""


def _phone(wa_id: str) -> str:
    try:
        return phones.from_wa_id(wa_id)
    except phones.InvalidPhone:
        return ""


# --- user_preferences ---------------------------------------------------------------------------


def _preferences(change: Change) -> Iterator[Event]:
    for item in map(as_object, as_array(change.value.get("user_preferences"))):
        phone = _phone(
            as_text(item.get("wa_id")) or _known_phone(change, as_text(item.get("user_id")))
        )
        wants = {"stop": False, "resume": True}.get(as_text(item.get("value")))
        if not phone or wants is None:
            change.skipped["user_preferences.value" if phone else "user_preferences.wa_id"] += 1
            continue
        at = as_datetime(item.get("timestamp"), latest=change.received_at)
        yield events.PreferenceChanged(change.number, phone, wants, at)


# --- message templates --------------------------------------------------------------------------


def _template(value: Value) -> TemplateName:
    return TemplateName(
        meta_id=as_text(value.get("message_template_id"), longest=32),
        name=as_text(value.get("message_template_name"), longest=512),
        language=as_text(value.get("message_template_language"), longest=10).replace("-", "_"),
    )


def _template_status(change: Change) -> Iterator[Event]:
    if event := as_constant(change.value.get("event")):
        yield events.TemplateStatusChanged(_template(change.value), event, change.at)
    else:
        change.skipped["message_template_status_update.event"] += 1


def _template_quality(change: Change) -> Iterator[Event]:
    if score := as_constant(change.value.get("new_quality_score")):
        yield events.TemplateQualityChanged(_template(change.value), score)
    else:
        change.skipped["message_template_quality_update.new_quality_score"] += 1


def _template_category(change: Change) -> Iterator[Event]:
    # In the notice ahead of time `new_category` is the present one.
    coming = as_constant(change.value.get("correct_category"))
    if category := coming or as_constant(change.value.get("new_category")):
        yield events.TemplateCategoryChanged(_template(change.value), category, bool(coming))
    else:
        change.skipped["template_category_update.new_category"] += 1


# --- numbers and account ------------------------------------------------------------------------


def _number_quality(change: Change) -> Iterator[Event]:
    shown = as_text(change.value.get("display_phone_number"), longest=40)
    digits = "".join(sign for sign in shown if sign.isdigit())
    event = as_constant(change.value.get("event"))
    if digits and event:
        yield events.NumberQualityChanged(digits, event, change.at)
    else:
        change.skipped["phone_number_quality_update.event"] += 1


def _capability(change: Change) -> Iterator[Event]:
    """The limit comes as a number, -1 for none, or as one of Meta's tiers."""
    given = change.value.get("max_daily_conversations_per_business")
    if given == -1 or as_constant(given) == "TIER_UNLIMITED":
        yield events.LimitChanged(None)
        return
    tier = as_constant(given).removeprefix("TIER_")
    limit = as_integer(tier.replace("K", "000") if tier else None)
    if limit is None:
        change.skipped["business_capability_update.max_daily_conversations_per_business"] += 1
    else:
        yield events.LimitChanged(limit)


def _account(change: Change) -> Iterator[Event]:
    event = as_constant(change.value.get("event"))
    if not event:
        change.skipped["account_update.event"] += 1
        return
    restrictions = as_array(change.value.get("restriction_info"))
    details = (
        as_constant(as_object(change.value.get("violation_info")).get("violation_type")),
        as_constant(as_object(change.value.get("ban_info")).get("waba_ban_state")),
        *(
            as_constant(as_object(restriction).get("restriction_type"))
            for restriction in restrictions
        ),
    )
    yield events.AccountNotice(event, ", ".join(filter(None, details))[:300])


READERS: dict[str, Callable[[Change], Iterator[Event]]] = {
    "messages": _messages,
    "user_preferences": _preferences,
    "message_template_status_update": _template_status,
    "message_template_quality_update": _template_quality,
    "template_category_update": _template_category,
    "phone_number_quality_update": _number_quality,
    "business_capability_update": _capability,
    "account_update": _account,
}
ITEM_READERS: dict[str, Callable[[Change, Value], Event | None]] = {
    "statuses": _status,
    "messages": _inbound,
    "errors": _trouble,
}
