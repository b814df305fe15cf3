"""Bodies of Meta's webhooks: statuses, inbound messages and management changes as JSON text.

Items are rendered once, when they are planned; a POST body is assembled from the texts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from sandbox.formats.compact_json import compact, quoted
from sandbox.formats.errors import status_error
from sandbox.webhooks.timeline import Message, Step
from sandbox.world.accounts import Number, Portfolio
from sandbox.world.world import World

ENVELOPE_BYTES = 200  # around a body, and around the items of one number


@dataclass(slots=True)
class Update:
    """One webhook item. Items of one number share a change; management values do not."""

    waba_id: str  # the `id` of the entry
    label: str  # for statistics: sent, delivered, …, or the name of the field
    field: str
    section: str  # statuses, messages, errors, user_preferences; empty: `item` is the whole value
    metadata: str  # of the number it belongs to; empty: it shares no change
    item: str
    contact: str = ""
    happened_at: float = 0.0
    acknowledged: bool = False
    uses: Number | None = None  # whose throughput it uses up when it is due: a reply

    @property
    def size(self) -> int:
        """Bytes it adds to a body; each slash becomes two."""
        own = len(self.item) + self.item.count("/") + len(self.contact) + len(",,")
        return own if self.metadata else own + ENVELOPE_BYTES


def metadata_of(number: Number) -> str:
    """The `metadata` object, which names the number of a change."""
    return f'{{"display_phone_number":"{number.digits}","phone_number_id":"{number.id}"}}'


def status_update(world: World, message: Message, step: Step) -> Update:
    """One entry of `statuses`, in the format of the configured webhook version."""
    happened_at = message.accepted_at + step.after_s
    failed = step.status == "failed"
    modern = world.settings.webhook_version != "v23.0"
    by_user_id = "." in message.to
    portfolio = message.number.waba.portfolio
    parts = [
        f'"id":"{message.wamid}","status":"{step.status}","timestamp":"{int(happened_at)}"',
        "" if by_user_id else f'"recipient_id":"{message.wa_id}"',
    ]
    if modern and (by_user_id or not failed):
        parts.append(f'"recipient_user_id":"{world.user_id(message.wa_id, portfolio)}"')
    if message.opaque:
        parts.append(f'"biz_opaque_callback_data":{quoted(message.opaque)}')
    if not modern:
        parts.append(_conversation(message, step))
    if step.priced:
        parts.append(_pricing(message.category))
    if failed:
        parts.append(_errors(step.code, message.failure_details))
    return Update(
        message.number.waba.id,
        step.status,
        "messages",
        "statuses",
        metadata_of(message.number),
        f"{{{','.join(filter(None, parts))}}}",
        _contact(world, message.wa_id, portfolio, step.status) if modern and not failed else "",
        happened_at,
    )


@lru_cache
def _pricing(category: str) -> str:
    price = {"billable": True, "pricing_model": "PMP", "type": "regular"}
    return f'"pricing":{compact({**price, "category": category.lower()})}'


@lru_cache
def _errors(code: int, details: str) -> str:
    return f'"errors":{compact([status_error(code, details)])}'


def _conversation(message: Message, step: Step) -> str:
    """The older format contains a conversation, one per message."""
    conversation: dict[str, object] = {
        "id": message.wamid[-32:].lower(),
        "origin": {"type": message.category.lower()},
    }
    if step.status == "sent":
        conversation["expiration_timestamp"] = str(int(message.accepted_at) + 86_400)
    return f'"conversation":{compact(conversation)}'


def _contact(
    world: World, person: str, portfolio: Portfolio, status: str = "", *, hidden: bool = False
) -> str:
    """An entry of `contacts`; `hidden` leaves out the phone number."""
    profile = f'"name":{quoted(person_name(world, person))}'
    if (hidden or status in ("delivered", "read")) and world.has_username(person):
        profile += f',"username":"@user{person[-6:]}"'
    phone = "" if hidden or "." in person else f',"wa_id":"{person}"'
    return f'{{"profile":{{{profile}}},"user_id":"{world.user_id(person, portfolio)}"{phone}}}'


def person_name(world: World, person: str) -> str:
    """The profile name that a test set, or one with the last digits."""
    known = world.people.get(person)
    return known.name if known is not None and known.name else "Person " + person[-4:]


def inbound_update(
    world: World, number: Number, person: str, content: dict[str, object], wamid: str, now: float
) -> Update:
    """A message from a person; `content` holds `type` and the object of that name."""
    portfolio, hidden = number.waba.portfolio, world.hides_phone(person)
    item = {
        **({} if hidden or "." in person else {"from": person}),
        "from_user_id": world.user_id(person, portfolio),
        "id": wamid,
        "timestamp": str(int(now)),
        **content,
    }
    contact = _contact(world, person, portfolio, hidden=hidden)
    if content.get("type") == "system":
        contact = ""
    return _of_number(number, "inbound", "messages", "messages", item, contact, now)


def preference_update(world: World, number: Number, person: str, value: str, now: float) -> Update:
    """The native stop or resume of marketing messages."""
    portfolio, hidden = number.waba.portfolio, world.hides_phone(person)
    known_as = {"user_id": world.user_id(person, portfolio)}
    if not hidden and "." not in person:
        known_as = {"wa_id": person}
    item = {
        **known_as,
        "detail": f"User requested to {value} marketing messages",
        "category": "marketing_messages",
        "value": value,
        "timestamp": int(now),
    }
    contact = compact({"profile": {"name": person_name(world, person)}, **known_as})
    field = "user_preferences"
    return _of_number(number, field, field, field, item, contact, now)


def system_error_update(number: Number, code: int, details: str, now: float) -> Update:
    """An error of the number or the account: neither id nor time, so two are the same bytes."""
    error = status_error(code, details)
    return _of_number(number, "error", "messages", "errors", error, "", now)


def _of_number(
    number: Number, label: str, field: str, section: str, item: object, contact: str, now: float
) -> Update:
    metadata = metadata_of(number)
    return Update(number.waba.id, label, field, section, metadata, compact(item), contact, now)


def management_update(waba_id: str, field: str, value: object, now: float) -> Update:
    """A change of an account, a number or a message template."""
    return Update(waba_id, field, field, "", "", compact(value), happened_at=now)


def body_of(updates: Iterable[Update]) -> bytes:
    """The bytes of one POST: compact, ASCII, slashes escaped. The signature is over these."""
    grouped: dict[tuple[str, str, str], list[Update]] = {}
    alone: list[Update] = []
    for update in updates:
        if update.metadata:
            key = (update.waba_id, update.field, update.metadata)
            grouped.setdefault(key, []).append(update)
        else:
            alone.append(update)
    changes: dict[str, list[str]] = {}
    for (waba_id, field, metadata), items in grouped.items():
        changes.setdefault(waba_id, []).append(_change(field, metadata, items))
    entries = [f'{_head(name)},"changes":[{",".join(own)}]}}' for name, own in changes.items()]
    entries += [
        f'{_head(update.waba_id)},"time":{int(update.happened_at)},"changes":'
        f'[{{"field":{compact(update.field)},"value":{update.item}}}]}}'
        for update in alone
    ]
    body = f'{{"object":"whatsapp_business_account","entry":[{",".join(entries)}]}}'
    return body.replace("/", "\\/").encode("ascii")


def _head(waba_id: str) -> str:
    return '{"id":' + compact(waba_id)


def _change(field: str, metadata: str, updates: list[Update]) -> str:
    """One change: every item of one number under one field."""
    parts = ['"messaging_product":"whatsapp"', f'"metadata":{metadata}']
    contacts = dict.fromkeys(update.contact for update in updates if update.contact)
    if contacts:
        parts.append(f'"contacts":[{",".join(contacts)}]')
    sections: dict[str, list[str]] = {}
    for update in updates:
        sections.setdefault(update.section, []).append(update.item)
    parts += [f'"{section}":[{",".join(items)}]' for section, items in sections.items()]
    return f'{{"field":{compact(field)},"value":{{{",".join(parts)}}}}}'
