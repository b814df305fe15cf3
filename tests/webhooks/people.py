"""What people write, and how WhatsApp may name them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from subscribers.models import Subscriber
from tests.webhooks.posts import envelope, messages, serial

USER_ID = "IN.13491208655302741918"


def said(
    text: str, *, at: datetime, contacts: list[dict[str, Any]] | None = None, **item: Any
) -> bytes:
    """A message with any of `from`, `from_user_id` and contacts; it may be of another `type`."""
    content = {"type": "text", "text": {"body": text}} if "type" not in item else {}
    only = {"from_user_id": contacts[0]["user_id"]} if contacts and "user_id" in contacts[0] else {}
    message = {
        "id": f"wamid.in.{next(serial)}",
        "timestamp": str(int(at.timestamp())),
        **content,
        **({} if "from" in item else only),
        **item,
    }
    return envelope(messages(**({"contacts": contacts} if contacts else {}), messages=[message]))


def edit(text: str, *, at: datetime, **item: Any) -> bytes:
    """An earlier message, edited."""
    message = {"type": "text", "text": {"body": text}}
    changed = {"original_message_id": "wamid.in.1", "message": message}
    return said("", at=at, type="edit", edit=changed, **item)


def preference(
    value: str, *, at: datetime, contacts: list[dict[str, Any]] | None = None, **item: Any
) -> bytes:
    """WhatsApp's own switch, by any id."""
    wish = {"category": "marketing_messages", "value": value, "timestamp": int(at.timestamp())}
    only = {"user_id": contacts[0]["user_id"]} if contacts else {}
    change = messages(
        **({"contacts": contacts} if contacts else {}),
        user_preferences=[{**wish, **only, **item}],
    )
    return envelope({**change, "field": "user_preferences"})


def fate(subscriber: Subscriber) -> str:
    return Subscriber.objects.get(pk=subscriber.pk).status
