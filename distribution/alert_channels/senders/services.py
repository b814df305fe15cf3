"""Slack, Microsoft Teams, Telegram and others, by the library `apprise`.

Only services with a fixed address are taken: a URL with a host of somebody's choice would reach
what only this machine can reach. Options in the URL cannot switch off certificates or time limits.
"""

from __future__ import annotations

import importlib
import logging
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

from distribution.alert_channels.messages import AlertMessage
from distribution.alert_channels.results import OK, Sent, failed
from distribution.models import AlertChannel, NotificationKind, Severity

log = logging.getLogger(__name__)

CONNECT_SECONDS, READ_SECONDS = 3.0, 5.0
TEAMS_HOSTS = (".logic.azure.com", ".powerplatform.com", ".powerautomate.com")
# Schemes of apprise, and what they are called.
SERVICES = {
    "slack": "Slack",
    "workflows": "Microsoft Teams",
    "workflow": "Microsoft Teams",
    "tgram": "Telegram",
    "discord": "Discord",
    "gchat": "Google Chat",
    "wxteams": "Webex",
    "webex": "Webex",
    "pover": "Pushover",
}
# What a URL may carry after its question mark: parts of addresses, as the services give them.
# Options of apprise are not among them: `template` reads files, `verify` switches off certificates.
QUERY_NAMES = frozenset({"api-version", "sp", "sv", "sig", "key", "token", "threadkey", "topic"})
EXAMPLES = (
    "Slack: slack://TokenA/TokenB/TokenC/#channel or https://hooks.slack.com/services/…; "
    "Teams: the address of a workflow; Telegram: tgram://BotToken/ChatId"
)


class ServiceError(Exception):
    """The URL is refused; the text says why and what to do."""


def check(url: str) -> str:
    """The service's name. Raises ServiceError."""
    return SERVICES[_scheme(_service(url))]


def send(channel: AlertChannel, message: AlertMessage) -> Sent:
    try:
        service = _service(channel.secret_address)
    except ServiceError as error:
        return failed(str(error), final=True)
    name = SERVICES[_scheme(service)]
    try:
        result = service.notify(
            body=message.full_text, title=message.title, notify_type=_type(message)
        )
    except Exception as error:  # the library's plugins are many: none may stop the lane
        log.warning("%s was not reached: %s", name, type(error).__name__)
        return failed(f"{name} could not be reached: {type(error).__name__}.")
    if result:
        return OK
    return failed(f"{name} did not accept it. Check the URL, and whether it was revoked.")


def _type(message: AlertMessage) -> Any:
    kinds = _apprise().NotifyType
    if message.kind == NotificationKind.ALERT_CLOSED:
        return kinds.SUCCESS
    if message.kind == NotificationKind.ALERT_ACKNOWLEDGED or message.is_test:
        return kinds.INFO
    return kinds.FAILURE if message.severity == Severity.CRITICAL else kinds.WARNING


def _service(url: str) -> Any:
    """The library's object for a URL, limited to what is allowed. Raises ServiceError."""
    apprise = _apprise()
    options = sorted(
        {name for name in parse_qs(urlsplit(url).query) if name.lower() not in QUERY_NAMES}
    )
    if options:
        raise ServiceError(f"Remove “{options[0]}” from the URL: options are not taken from it.")
    service = apprise.Apprise.instantiate(url, asset=_asset(), suppress_exceptions=True)
    scheme = _scheme(service) if service is not None else url.partition("://")[0].lower()
    if scheme not in SERVICES:
        names = ", ".join(dict.fromkeys(SERVICES.values()))
        raise ServiceError(f"This service is not supported. Supported are {names}. {EXAMPLES}.")
    if service is None:
        raise ServiceError(f"This is no complete URL of {SERVICES[scheme]}. {EXAMPLES}.")
    host = str(getattr(service, "host", "") or "")
    if SERVICES[scheme] == "Microsoft Teams" and not host.lower().endswith(TEAMS_HOSTS):
        raise ServiceError(
            "This is not an address of Microsoft. Copy the workflow’s address again."
        )
    service.verify_certificate, service.redirects = True, False
    service.socket_connect_timeout, service.socket_read_timeout = CONNECT_SECONDS, READ_SECONDS
    if hasattr(service, "include_image"):
        service.include_image = False  # else it links a picture on somebody's host
    return service


def _scheme(service: Any) -> str:
    names = service.secure_protocol or service.protocol or ""
    return str(names if isinstance(names, str) else names[0])


@cache
def _asset() -> Any:
    return _apprise().AppriseAsset(
        app_id="Daybreak", app_desc="Daybreak", app_url="", async_mode=False, secure_logging=True
    )


@cache
def _apprise() -> Any:
    """Loaded by the first use: most processes never need it. What it logs holds tokens."""
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    return importlib.import_module("apprise")
