"""What Meta says about the account, the app, its token, the numbers and the templates, read now.

The readings run beside each other and together take at most DEADLINE_SECONDS; what has not
answered by then counts as not checked. Threads that hang end by the time limits of their calls.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.conf import settings
from django.utils.translation import gettext as _

from phonepool.cloud_api import client, credentials
from phonepool.cloud_api.app import AppApi, Subscription, TokenFacts
from phonepool.cloud_api.client import AccountFacts, OwnerFacts, PhoneNumberFacts, TemplateFacts
from phonepool.exceptions import CloudApiError, Rejected
from phonepool.numbers import verification

DEADLINE_SECONDS = 8.0
Told = TypeVar("Told")


@dataclass(frozen=True, slots=True)
class Answer(Generic[Told]):
    """A reading: its value, or why there is none."""

    value: Told | None = None
    refusal: str = ""  # Meta's own words: it answered, and refused
    silence: str = ""  # nothing was asked, or no answer came
    unasked: bool = False  # nothing was asked, because a setting is missing

    @property
    def came(self) -> bool:
        return not (self.refusal or self.silence)


@dataclass(frozen=True, slots=True)
class Readings:
    """All that was read from Meta at one moment."""

    token: Answer[TokenFacts]
    account: Answer[AccountFacts]
    owner: Answer[OwnerFacts]
    numbers: Answer[list[PhoneNumberFacts]]
    templates: Answer[list[TemplateFacts]]
    apps: Answer[list[str]]
    subscription: Answer[Subscription | None]


def read() -> Readings:
    """Ask Meta, in at most DEADLINE_SECONDS. Touches no database."""
    end = time.monotonic() + DEADLINE_SECONDS
    account = settings.WHATSAPP_BUSINESS_ID
    missing = _missing(account=account)
    asked_token = _Call(lambda: AppApi().token(), _missing(account="any"))
    asked_account = _Call(lambda: client.client().account(account), missing)
    owner = _Call(lambda: client.client().owner(account), missing)
    numbers = _Call(lambda: client.client().phone_numbers(account), missing)
    templates = _Call(lambda: client.client().message_templates(account), missing)
    apps = _Call(lambda: AppApi().subscribed_apps(account), missing)
    token = asked_token.answer(end)
    subscription = _Call(lambda: AppApi(app_id(token)).subscription(), _missing_app(token))
    return Readings(
        token=token,
        account=asked_account.answer(end),
        owner=owner.answer(end),
        numbers=numbers.answer(end),
        templates=templates.answer(end),
        apps=apps.answer(end),
        subscription=subscription.answer(end),
    )


def app_id(token: Answer[TokenFacts]) -> str:
    """The app's id: as it is set, else as Meta tells it of the token."""
    return settings.WHATSAPP_APP_ID or (token.value.app_id if token.value else "")


def _missing(*, account: str) -> str:
    """Why nothing can be asked; empty if it can."""
    if not credentials.access_token():
        return _("WHATSAPP_ACCESS_TOKEN is not set.")
    return "" if account else _("WHATSAPP_BUSINESS_ID is not set.")


def _missing_app(token: Answer[TokenFacts]) -> str:
    if not settings.WHATSAPP_APP_SECRETS:
        return _("WHATSAPP_APP_SECRET is not set.")
    return "" if app_id(token) else token.refusal or token.silence


class _Call(Generic[Told]):
    """One reading in a thread of its own."""

    def __init__(self, ask: Callable[[], Told], missing: str) -> None:
        self._ask, self._missing = ask, missing
        self._answer: Answer[Told] | None = None
        self._thread = threading.Thread(target=self._run, name="setup", daemon=True)
        if not missing:
            self._thread.start()

    def _run(self) -> None:
        try:
            self._answer = Answer(self._ask())
        except Rejected as refusal:
            self._answer = Answer(refusal=verification.answer(refusal))
        except CloudApiError as error:
            self._answer = Answer(silence=verification.answer(error))
        except ValueError as error:  # such as a token that no header can carry
            self._answer = Answer(refusal=str(error))

    def answer(self, end: float) -> Answer[Told]:
        if self._missing:
            return Answer(silence=self._missing, unasked=True)
        self._thread.join(max(0.0, end - time.monotonic()))
        late = _("Meta did not answer within %(seconds)s seconds.")
        silent: Answer[Told] = Answer(silence=late % {"seconds": f"{DEADLINE_SECONDS:.0f}"})
        return self._answer or silent
