"""Who a message or a wish comes from or goes to, and what it says: readers of items. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from phonepool.json_values import as_array, as_object, as_text
from subscribers import phones

Value = dict[str, Any]

USER_ID_LENGTH = 150  # characters; Meta's have 23
_WA_ID = re.compile(r"[1-9][0-9]{6,14}")
_PLAIN_USER_ID = re.compile(r"[A-Z]{2}\.[0-9A-Za-z]{1,128}")


class Sender(NamedTuple):
    """A person as WhatsApp names them; '' for what it does not tell."""

    phone: str  # E.164
    user_id: str

    def __bool__(self) -> bool:
        return bool(self.phone or self.user_id)


def read_sender(value: Value, wa_id: object, user_id: object, *, alone: bool) -> Sender:
    """The sender of an item with these ids, completed by the `contacts` of the same change.

    A user id may stand where a phone is expected. `alone`: the item is the only one of its change,
    so that a single contact is its sender even if it shares no id with it.
    """
    phone, user = _phone(wa_id), _user_id(user_id) or _user_id_instead(wa_id)
    contacts = [as_object(contact) for contact in as_array(value.get("contacts"))]
    for contact in contacts:
        its_phone, its_user = _phone(contact.get("wa_id")), _user_id(contact.get("user_id"))
        shares = (phone and phone == its_phone) or (user and user == its_user)
        differs = (phone and its_phone not in ("", phone)) or (user and its_user not in ("", user))
        if shares or (alone and len(contacts) == 1 and not differs):
            phone, user = phone or its_phone, user or its_user
    return Sender(phone, user)


def read_recipient(value: Value, item: Value) -> tuple[str, str]:
    """The WhatsApp id and the user id of a status's recipient; '' for what is not told.

    Most statuses tell both themselves; read_sender would take ten times as long for them.
    """
    wa_id, user_id = item.get("recipient_id"), item.get("recipient_user_id")
    if isinstance(wa_id, str) and _WA_ID.fullmatch(wa_id):
        if isinstance(user_id, str) and _PLAIN_USER_ID.fullmatch(user_id):
            return wa_id, user_id
        if not user_id and "contacts" not in value:
            return wa_id, ""
    alone = len(as_array(value.get("statuses"))) == 1
    who = read_sender(value, wa_id, user_id, alone=alone)
    return who.phone.removeprefix("+"), who.user_id


def _phone(wa_id: object) -> str:
    try:
        return phones.from_wa_id(as_text(wa_id))
    except phones.InvalidPhone:
        return ""


def _user_id(given: object) -> str:
    return as_text(given, longest=USER_ID_LENGTH).strip()


def _user_id_instead(wa_id: object) -> str:
    """A user id ("IN.1349…": two letters of the country, a dot, the rest) in place of a phone."""
    text = _user_id(wa_id)
    return text if text[:2].isalpha() and text[2:3] == "." and text[3:] else ""


def read_texts(kind: str, item: Value) -> tuple[str, tuple[str, ...]]:
    """What the person typed, and what the person chose, in an item of this type.

    An edited message says what it says now.
    """
    content = as_object(item.get(kind))
    if kind == "edit":
        message = as_object(content.get("message"))
        inner = as_text(message.get("type"))
        return read_texts(inner, message) if inner != kind else ("", ())
    if kind == "text":
        said = content.get("body")
        return (said if isinstance(said, str) else ""), ()
    if kind == "button":
        return "", tuple(_texts(content, "payload", "text"))
    if kind == "interactive":
        reply = as_object(content.get("button_reply")) or as_object(content.get("list_reply"))
        return "", tuple(_texts(reply, "id", "title"))
    return "", ()


def _texts(content: Value, *keys: str) -> Iterable[str]:
    found = (content.get(key) for key in keys)
    return (label for label in found if isinstance(label, str) and label)
