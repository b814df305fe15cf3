"""The one way to the Cloud API: sends prepared messages at their times, reads what Meta knows.

    with cloud_api.client().dispatch() as calls:
        calls.submit(messages)               # returns at once
        outcomes = calls.collect(timeout=1)  # what has ended so far

Every message gets exactly one outcome. All callers of a process share one client, and with it
its connections, threads and pacing. Only errors of `phonepool.errors` leave this module.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from django.conf import settings

from phonepool.cloud_api import credentials, responses
from phonepool.cloud_api.dispatcher import Dispatcher
from phonepool.cloud_api.media import MediaFile
from phonepool.cloud_api.responses import OutcomeKind, PhoneNumberFacts, TemplateFacts
from phonepool.cloud_api.sends import Dispatch, PreparedMessage, SendContext, SendOutcome
from phonepool.cloud_api.transport import CloudTransport, Transport

__all__ = ["CloudApi", "Dispatch", "OutcomeKind", "PhoneNumberFacts", "SendOutcome"]
__all__ += ["PreparedMessage", "TemplateFacts", "client"]

MAX_PAGES = 200
NUMBER_FIELDS = (
    "id,display_phone_number,verified_name,status,quality_rating,throughput,name_status"
    ",whatsapp_business_manager_messaging_limit"
)
TEMPLATE_FIELDS = (
    "id,name,language,category,status,quality_score,parameter_format,rejected_reason,components"
)


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
        self._line = SendContext(transport, version, Dispatcher(concurrency))

    @classmethod
    def from_settings(cls) -> CloudApi:
        """The client that the settings describe."""
        return cls(
            settings.WHATSAPP_API_BASE,
            settings.WHATSAPP_API_VERSION,
            credentials.access_token(),
            connect_timeout=settings.CLOUD_API_CONNECT_TIMEOUT,
            read_timeout=settings.CLOUD_API_READ_TIMEOUT,
            concurrency=settings.CLOUD_API_CONCURRENCY,
        )

    def dispatch(self) -> Dispatch:
        """A place to submit messages to and collect their outcomes from."""
        return Dispatch(self._line)

    def phone_number(self, phone_number_id: str) -> PhoneNumberFacts:
        """How Meta sees one of our numbers."""
        query = {"fields": NUMBER_FIELDS}
        return responses.phone_number(self._read(self._line.path(phone_number_id), query))

    def message_templates(self, account_id: str) -> list[TemplateFacts]:
        """All message templates of a WhatsApp Business account."""
        found = self._list(self._line.path(account_id, "message_templates"), TEMPLATE_FIELDS)
        return [responses.message_template(item) for item in found]

    def upload_media(self, phone_number_id: str, file: MediaFile) -> str:
        """Leave a file with Meta for one number's messages, for 30 days; the media id.

        It may be repeated: an upload that nobody names harms nobody.
        """
        path = self._line.path(phone_number_id, "media")
        return responses.media_id(responses.read_object(self._line.transport.upload(path, file)))

    def close(self) -> None:
        """Cancel what has not begun, for all callers, and let go of connections and threads."""
        self._line.dispatcher.close()
        self._line.transport.close()

    def _list(self, path: str, fields: str) -> Iterator[dict[str, Any]]:
        query, seen = {"fields": fields, "limit": "100"}, {""}
        for _ in range(MAX_PAGES):
            page = self._read(path, query)
            yield from responses.items(page)
            cursor = responses.next_cursor(page)
            if cursor in seen:  # the last page, or a server that goes in circles
                return
            seen.add(cursor)
            query["after"] = cursor

    def _read(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        return responses.read_object(self._line.transport.get(f"{path}?{urlencode(query)}"))


_clients: dict[int, tuple[tuple[object, ...], CloudApi]] = {}  # by process id
_lock = threading.Lock()


def client() -> CloudApi:
    """The one client of this process; a forked child and changed settings get a new one."""
    wanted = _configuration()
    with _lock:
        known = _clients.get(os.getpid())
        if known is None or known[0] != wanted:
            if known is not None:
                known[1].close()
            known = _clients[os.getpid()] = (wanted, CloudApi.from_settings())
        return known[1]


def _configuration() -> tuple[object, ...]:
    names = ("API_BASE", "API_VERSION")
    limits = ("CONNECT_TIMEOUT", "READ_TIMEOUT", "CONCURRENCY")
    return (
        credentials.access_token(),
        *(getattr(settings, f"WHATSAPP_{name}") for name in names),
        *(getattr(settings, f"CLOUD_API_{name}") for name in limits),
    )


def _renew_lock_after_fork() -> None:
    """A lock that was held while its process forked stays held in the child for ever."""
    global _lock
    _lock = threading.Lock()


# The parent's client stays in `_clients`: letting go of it would need locks that may be held.
os.register_at_fork(after_in_child=_renew_lock_after_fork)
