"""The audit log: each action in the admin is one entry with address, values before and after.

It extends Django's own log entries, so the pages of all apps write it without importing this
module. Bulk actions pass `act`, `reason`, `before` and `after` themselves, in the same form.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.sessions.models import Session
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model
from django.db.models.signals import m2m_changed, pre_save
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponseBase

from config.web.client_address import client_ip
from masking import placeholders
from masking.phones import mask_phone
from subscribers import shown_part
from subscribers.models import Subscriber

SECRET_NAME_PARTS = ("password", "key", "token", "secret")  # of fields that are never logged
ROWS_LIMIT = 50  # rows whose values are kept for one request: an import is not logged row by row
PERSONAL_FIELDS = ("name", "email", "attributes")  # of a subscriber
VALUE_LIMIT = 300  # characters of one value
LINKS_LIMIT = 20  # before and after together; of more only the difference is kept


@dataclass(slots=True)
class WritingRequest:
    """A request that may write, and the values of its rows before it did. A GET writes, too: who
    reads a number in full is logged."""

    request: HttpRequest
    before: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    links: dict[tuple[str, str], dict[str, list[str]]] = field(default_factory=dict)


_current: ContextVar[WritingRequest | None] = ContextVar("writing_request", default=None)


class RequestContext:
    """Middleware that gives the signal handlers below the current request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        token = _current.set(WritingRequest(request))
        try:
            return self._get_response(request)
        finally:
            _current.reset(token)


@receiver(pre_save)
def keep_values_before(sender: type[Model], instance: Model, raw: bool, **_: object) -> None:
    """Keep the stored values of a row that is about to change, for its log entry."""
    writing = _current.get()
    if writing is None or raw or instance.pk is None or sender in (LogEntry, Session):
        return
    key = _row_key(instance)
    if key in writing.before or len(writing.before) >= ROWS_LIMIT:
        return
    row = sender._default_manager.filter(pk=instance.pk).values().first()
    writing.before[key] = row or {}


@receiver(m2m_changed)
def keep_links_before(
    sender: type[Model], instance: Model, action: str, reverse: bool, **_: object
) -> None:
    """The same of links to other rows, such as a person's roles, which no column holds."""
    writing = _current.get()
    if writing is None or reverse or not action.startswith("pre_") or instance.pk is None:
        return
    kept = writing.links.setdefault(_row_key(instance), {})
    for link in instance._meta.many_to_many:
        through = link.remote_field.through
        if through is sender and link.name not in kept:
            kept[link.name] = _linked(instance, link.name)


@receiver(pre_save, sender=LogEntry)
def complete_entry(sender: type[Model], instance: LogEntry, **_: object) -> None:  # noqa: ARG001
    """Add to a new entry the address, and the values of changed fields before and after."""
    writing = _current.get()
    if writing is None or not instance._state.adding:
        return
    parts = message_parts(instance)
    facts: dict[str, Any] = {"ip": client_ip(writing.request)}
    if instance.action_flag == CHANGE and not any("before" in part for part in parts):
        facts |= _difference(writing, instance)
    given = {key for part in parts for key in part}
    parts.append({key: value for key, value in facts.items() if key not in given or key == "ip"})
    instance.change_message = json.dumps(parts, cls=DjangoJSONEncoder)


def message_parts(entry: LogEntry) -> list[dict[str, Any]]:
    """The message as Django stores it, a list of objects; a plain sentence becomes one object."""
    message = entry.change_message
    try:
        parts = json.loads(message) if message else []
    except ValueError:
        parts = None
    if isinstance(parts, list) and all(isinstance(part, dict) for part in parts):
        return parts
    return [{"act": message}]


def _difference(writing: WritingRequest, entry: LogEntry) -> dict[str, Any]:
    changed = entry.get_edited_object() if entry.content_type_id and entry.object_id else None
    if changed is None:
        return {}
    before = writing.before.get(_row_key(changed)) or {}
    after = type(changed)._default_manager.filter(pk=changed.pk).values().first() or {}
    known = after if before else {}
    names = [name for name in known if before.get(name) != after[name] and not _is_secret(name)]
    show = _hidden if isinstance(changed, Subscriber) else _shown
    were, are = _links_differ(changed, writing.links.get(_row_key(changed), {}))
    if not (before or were or are):
        return {}
    return {
        "before": {name: show(name, before[name]) for name in names} | were,
        "after": {name: show(name, after[name]) for name in names} | are,
    }


def _linked(row: Model, name: str) -> list[str]:
    """The names of what is linked, in order."""
    return sorted(map(str, getattr(row, name).all()))


def _links_differ(
    row: Model, kept: dict[str, list[str]]
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Links that changed, before and after; of many only those that differ."""
    were: dict[str, list[str]] = {}
    are: dict[str, list[str]] = {}
    for name, before in kept.items():
        after = _linked(type(row)._default_manager.get(pk=row.pk), name)
        if before == after:
            continue
        common = set(before) & set(after) if len(before) + len(after) > LINKS_LIMIT else set()
        were[name] = [one for one in before if one not in common]
        are[name] = [one for one in after if one not in common]
    return were, are


def _row_key(row: Model) -> tuple[str, str]:
    return row._meta.concrete_model._meta.label, str(row.pk)  # type: ignore[union-attr]


def _is_secret(name: str) -> bool:
    return any(part in name for part in SECRET_NAME_PARTS)


def _shown(name: str, value: Any) -> Any:
    if name.startswith("phone") and isinstance(value, str):
        return mask_phone(value)
    return shown_part.cut(value, VALUE_LIMIT) if isinstance(value, str) else value


def _hidden(name: str, value: Any) -> Any:
    """No entry is ever deleted, so personal data that is erased with a person is not logged."""
    return placeholders.PERSONAL if name in PERSONAL_FIELDS else _shown(name, value)
