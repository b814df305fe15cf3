"""Calls about the app: what its token may do, and where its webhooks go.

For setting up, so with time limits of seconds and without a connection that is kept. The app's own
token, `APP_ID|APP_SECRET`, is what Meta asks for where a call is about the app itself.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

from django.conf import settings

from phonepool.cloud_api import credentials, responses
from phonepool.cloud_api.transport import CloudTransport
from phonepool.exceptions import Rejected
from phonepool.json_values import as_array, as_integer, as_object, as_printable, objects_in

CONNECT_SECONDS, READ_SECONDS = 3.0, 6.0
OBJECT = "whatsapp_business_account"


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """What Meta says of the access token."""

    app_id: str
    is_valid: bool
    scopes: tuple[str, ...]
    accounts: tuple[str, ...]  # that it reaches; empty: Meta names none
    expires_at: datetime | None  # None: never
    problem: str = ""  # why it is not valid
    clock_ahead: float | None = (
        None  # seconds by which our clock is ahead of Meta's; None: not told
    )


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where the webhooks of the app's accounts are posted."""

    callback_url: str
    is_active: bool
    fields: tuple[str, ...]


class AppApi:
    """The calls with the access token, and with that of the app."""

    def __init__(self, app_id: str = "") -> None:
        secrets = settings.WHATSAPP_APP_SECRETS
        self.app_id = app_id or settings.WHATSAPP_APP_ID
        self._token = credentials.access_token()
        self._own = _transport(self._token)
        app_token = f"{self.app_id}|{secrets[0]}" if self.app_id and secrets else ""
        self._of_app = _transport(app_token)

    def token(self) -> TokenFacts:
        """What Meta says of the access token, asked with itself, or else with the app's."""
        path = f"/debug_token?{urlencode({'input_token': self._token})}"
        try:
            return _read_token(self._own, path)
        except Rejected:
            if not self.app_id:
                raise
            return _read_token(self._of_app, path)

    def subscription(self) -> Subscription | None:
        """The subscription to the webhooks of WhatsApp; None: there is none."""
        for item in responses.items(_read(self._of_app, f"/{self.app_id}/subscriptions")):
            if _text(item, "object") == OBJECT:
                names = tuple(_text(field, "name") for field in objects_in(item.get("fields")))
                return Subscription(_text(item, "callback_url"), item.get("active") is True, names)
        return None

    def subscribe(self, callback_url: str, verify_token: str, fields: Sequence[str]) -> None:
        """Subscribes a URL, which Meta verifies at once; raises Rejected if that fails."""
        _post(
            self._of_app,
            f"/{self.app_id}/subscriptions",
            {
                "object": OBJECT,
                "callback_url": callback_url,
                "verify_token": verify_token,
                "fields": ",".join(fields),
            },
        )

    def subscribed_apps(self, account: str) -> list[str]:
        """The ids of the apps that get an account's webhooks."""
        found = responses.items(_read(self._own, f"/{account}/subscribed_apps"))
        return [_text(as_object(item.get("whatsapp_business_api_data")), "id") for item in found]

    def subscribe_account(self, account: str) -> None:
        """The account's webhooks go to this app from now on."""
        _post(self._own, f"/{account}/subscribed_apps", {})


def _transport(token: str) -> CloudTransport:
    return CloudTransport(
        settings.WHATSAPP_API_BASE,
        token,
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        connections=1,
    )


def _read(transport: CloudTransport, path: str) -> dict[str, Any]:
    return responses.read_object(transport.get(f"/{settings.WHATSAPP_API_VERSION}{path}"))


def _post(transport: CloudTransport, path: str, fields: Mapping[str, str]) -> None:
    path = f"/{settings.WHATSAPP_API_VERSION}{path}"
    responses.read_object(transport.post_form(path, fields))


def _read_token(transport: CloudTransport, path: str) -> TokenFacts:
    response = transport.get(f"/{settings.WHATSAPP_API_VERSION}{path}")
    ahead = _clock_ahead(response.headers.get("date", ""), time.time())
    return replace(_token_facts(responses.read_object(response)), clock_ahead=ahead)


def _clock_ahead(date: str, now: float) -> float | None:
    """Seconds by which `now` is ahead of an answer's Date, which is cut to whole seconds."""
    try:
        return now - parsedate_to_datetime(date).timestamp() - 0.5
    except (ValueError, TypeError):
        return None


def _token_facts(document: dict[str, Any]) -> TokenFacts:
    data = as_object(document.get("data"))
    scoped = objects_in(data.get("granular_scopes"))
    reached = [str(name) for scope in scoped for name in as_array(scope.get("target_ids"))]
    ends = as_integer(data.get("expires_at"), low=0) or 0
    return TokenFacts(
        app_id=_text(data, "app_id"),
        is_valid=data.get("is_valid") is True,
        scopes=tuple(str(scope) for scope in as_array(data.get("scopes"))),
        accounts=tuple(dict.fromkeys(reached)),
        expires_at=datetime.fromtimestamp(ends, UTC) if ends else None,
        problem=_text(as_object(data.get("error")), "message"),
    )


def _text(document: Mapping[str, Any], name: str) -> str:
    return as_printable(document.get(name))
