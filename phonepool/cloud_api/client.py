"""The client of the Cloud API: sends prepared messages at their times, reads Meta's objects.

    with client.client().dispatch() as calls:
        calls.submit(messages)               # returns at once
        outcomes = calls.collect(timeout=1)  # of calls that have ended

Every message gets exactly one outcome. All callers in a process share one client with its
connections, threads and pacing. It raises only errors of `phonepool.errors`.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from django.conf import settings

from phonepool.cloud_api import comparison, credentials, message_templates, pricing, responses
from phonepool.cloud_api.comparison import TemplateOrder
from phonepool.cloud_api.dispatcher import Dispatcher
from phonepool.cloud_api.media import MediaFile
from phonepool.cloud_api.message_templates import CreatedTemplate, TemplateFacts
from phonepool.cloud_api.pricing import PricedMessages
from phonepool.cloud_api.responses import (
    AccountFacts,
    OutcomeKind,
    OwnerFacts,
    PhoneNumberFacts,
)
from phonepool.cloud_api.sends import Dispatch, PreparedMessage, SendContext, SendOutcome
from phonepool.cloud_api.transport import CloudTransport, Transport
from phonepool.exceptions import Rejected

__all__ = [
    "AccountFacts",
    "CloudApi",
    "CreatedTemplate",
    "Dispatch",
    "OutcomeKind",
    "PhoneNumberFacts",
    "SendOutcome",
]
__all__ += ["OwnerFacts", "PreparedMessage", "TemplateFacts", "client"]

MAX_PAGES = 200
NUMBER_FIELDS = (
    "id,status,quality_rating,whatsapp_business_manager_messaging_limit,display_phone_number,"
    "verified_name,throughput"
)
OWNER_FIELD = "owner_business_info"
HEALTH_FIELD, REVIEW_FIELD = "health_status,currency,timezone_id", "account_review_status"
FUNDING_FIELD = "primary_funding_id"
TEMPLATE_FIELDS = (
    "id,name,language,category,status,quality_score,components,correct_category,sub_category,"
    "message_send_ttl_seconds,source,rejected_reason"
)
UNKNOWN_FIELD = 100
STALE_CURSOR = 131059  # a list's cursor is not valid any more (v24.0 and later)


class CloudApi:
    """A client of the Graph API for one access token; thread-safe. Times in seconds."""

    def __init__(
        self,
        base_url: str,
        version: str,
        token: str,
        *,
        connect_timeout: float,
        read_timeout: float,
        concurrency: int,
        transport: Transport | None = None,
    ) -> None:
        transport = transport or CloudTransport(
            base_url,
            token,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            connections=concurrency,
        )
        self._context = SendContext(transport, version, Dispatcher(concurrency))

    def dispatch(self) -> Dispatch:
        """Submits messages and collects their outcomes."""
        return Dispatch(self._context)

    def phone_number(self, phone_number_id: str) -> PhoneNumberFacts:
        """Meta's data about one of our numbers."""
        query = {"fields": NUMBER_FIELDS}
        return responses.phone_number(self._read(self._context.path(phone_number_id), query))

    def phone_numbers(self, account_id: str) -> list[PhoneNumberFacts]:
        """The same about all numbers of a WhatsApp Business account."""
        path = self._context.path(account_id, "phone_numbers")
        return [responses.phone_number(item) for item in self._whole_list(path, NUMBER_FIELDS)]

    def owner(self, account_id: str) -> OwnerFacts:
        """The business portfolio that owns an account."""
        path = self._context.path(account_id)
        return responses.owner(self._read(path, {"fields": OWNER_FIELD}))

    def account(self, account_id: str) -> AccountFacts:
        """Whether Meta lets an account send. Not every app may read its review and payment."""
        path = self._context.path(account_id)
        try:
            fields = f"{HEALTH_FIELD},{REVIEW_FIELD},{FUNDING_FIELD}"
            return responses.account(self._read(path, {"fields": fields}), funding_asked=True)
        except Rejected as refusal:
            if refusal.code != UNKNOWN_FIELD:
                raise
        return responses.account(self._read(path, {"fields": HEALTH_FIELD}))

    def pricing_analytics(self, account_id: str, start: int, end: int) -> list[PricedMessages]:
        """What Meta counts and charges of an account between two midnights, in Unix seconds."""
        path = self._context.path(account_id)
        return pricing.points(self._read(path, pricing.query(start, end)))

    def compare_templates(
        self, template_id: str, other_id: str, days: int, *, now: int
    ) -> TemplateOrder:
        """Which of two templates is blocked less, over the last days to now, in Unix seconds."""
        path = self._context.path(template_id, comparison.EDGE)
        return comparison.parse(self._read(path, comparison.query(other_id, days, now=now)))

    def message_templates(self, account_id: str) -> list[TemplateFacts]:
        """All message templates of a WhatsApp Business account."""
        path = self._context.path(account_id, "message_templates")
        items = self._whole_list(path, TEMPLATE_FIELDS)
        return [message_templates.read(item) for item in items]

    def create_template(self, account_id: str, template: Mapping[str, Any]) -> CreatedTemplate:
        """Asks Meta to review a new message template: `name`, `language`, `category` and so on.

        After `Unanswered` it may exist: look for its name before this is repeated.
        """
        path = self._context.path(account_id, "message_templates")
        answer = self._context.transport.post(path, json.dumps(template).encode(), guard=_no_guard)
        return message_templates.created(responses.read_object(answer))

    def upload_media(self, phone_number_id: str, file: MediaFile) -> str:
        """Uploads a file for one number's messages; returns its media id, valid for 30 days.

        May be repeated: an unused upload has no effect.
        """
        path = self._context.path(phone_number_id, "media")
        return responses.media_id(responses.read_object(self._context.transport.upload(path, file)))

    def media_type(self, phone_number_id: str, media_id: str) -> str:
        """The MIME type of a file that this number uploaded; Meta refuses (100) any other's."""
        path = self._context.path(media_id)
        return responses.media_type(self._read(path, {"phone_number_id": phone_number_id}))

    def close(self) -> None:
        """Cancels calls that have not begun, of all callers; closes connections, ends threads."""
        self._context.dispatcher.close()
        self._context.transport.close()

    def _whole_list(self, path: str, fields: str) -> list[dict[str, Any]]:
        """A cursor that has gone stale on the way is no reason to miss any: the list begins again,
        once."""
        try:
            return list(self._list(path, fields))
        except Rejected as refusal:
            if refusal.code != STALE_CURSOR:
                raise
            return list(self._list(path, fields))

    def _list(self, path: str, fields: str) -> Iterator[dict[str, Any]]:
        query, seen = {"fields": fields, "limit": "100"}, {""}
        for _ in range(MAX_PAGES):
            page = self._read(path, query)
            yield from responses.items(page)
            cursor = responses.next_cursor(page)
            if cursor in seen:  # the last page, or a server that repeats pages
                return
            seen.add(cursor)
            query["after"] = cursor

    def _read(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        return responses.read_object(self._context.transport.get(f"{path}?{urlencode(query)}"))


def _no_guard() -> None:
    """Nothing can change while a connection is made."""


_clients: dict[int, tuple[dict[str, Any], CloudApi]] = {}  # by process id
_lock = threading.Lock()


def client() -> CloudApi:
    """The client of this process. A forked child, or changed settings, get a new one."""
    configuration = _configuration()
    with _lock:
        cached = _clients.get(os.getpid())
        if cached is None or cached[0] != configuration:
            if cached is not None:
                cached[1].close()
            cached = _clients[os.getpid()] = (configuration, CloudApi(**configuration))
        return cached[1]


def _configuration() -> dict[str, Any]:
    """The client's arguments, from the settings."""
    return {
        "base_url": settings.WHATSAPP_API_BASE,
        "version": settings.WHATSAPP_API_VERSION,
        "token": credentials.access_token(),
        "connect_timeout": settings.CLOUD_API_CONNECT_TIMEOUT,
        "read_timeout": settings.CLOUD_API_READ_TIMEOUT,
        "concurrency": settings.CLOUD_API_CONCURRENCY,
    }


def _renew_lock_after_fork() -> None:
    """Replaces the lock: one that was held during a fork stays locked in the child for ever."""
    global _lock
    _lock = threading.Lock()


# The parent's client stays in `_clients`: closing it would need locks that may be held.
os.register_at_fork(after_in_child=_renew_lock_after_fork)
