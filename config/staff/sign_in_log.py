"""Sign-ins in the audit log: what is true of each, and never more lines than a person can read.

Anybody may fail to sign in, and no line is ever deleted. So an account gets FAILURE_LINES lines of
failures an hour, then one that says where the others are counted; and one line for each lock.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import django_otp
from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from config.staff import known_devices, sessions
from config.web.client_address import client_ip

FAILURE_LINES = 10  # of one account within FAILURE_PERIOD, whatever their addresses
FAILURE_PERIOD = timedelta(hours=1)
SIGNED_IN, SIGNED_OUT = "Signed in.", "Signed out."
PASSWORD_ONLY = "Gave the right password; the code is still to come."  # noqa: S105 - a sentence
WRONG_PASSWORD = "Gave a wrong password."  # noqa: S105 - a sentence
WRONG_CODE = "Gave a wrong code."
REFUSED = "Refused while locked."
MORE = "More failures within this hour: they are counted under Sign-in failures."
FAILURES = (WRONG_PASSWORD, WRONG_CODE, REFUSED, MORE)


def write(request: HttpRequest | None, user: User, act: str) -> None:
    """One line about the account, with the address."""
    if request is None or request.method is None:  # signed in by code, not on a page
        return
    message = json.dumps([{"act": act, "ip": client_ip(request)}])
    LogEntry.objects.create(
        user=user, object_repr=user.username, action_flag=CHANGE, change_message=message
    )


def write_failure(request: HttpRequest | None, user: User, act: str) -> None:
    """A line about a failure, unless there are enough of them."""
    if request is None or request.method is None:
        return
    lines = _recent_failures(user)
    if act == REFUSED and _was_refused(request, lines):
        return
    if len(lines) < FAILURE_LINES:
        write(request, user, act)
    elif not any(line["act"] == MORE for line in lines):
        write(request, user, MORE)


def completed(request: HttpRequest, user: User) -> None:
    """The sign-in is complete, with the code if there is one. It is a confirmation as old as its
    password."""
    write(request, user, SIGNED_IN)
    if hasattr(request, "session"):
        request.session[sessions.CONFIRMED] = request.session.get(sessions.SIGNED_IN, 0)
    known_devices.remember(request, user)


@receiver(user_logged_in)
def log_sign_in(request: HttpRequest | None, user: User, **_: object) -> None:
    if request is None:
        return
    if settings.TWO_FACTOR == "required" or (
        settings.TWO_FACTOR == "optional" and django_otp.user_has_device(user)
    ):
        write(request, user, PASSWORD_ONLY)
    else:
        completed(request, user)


@receiver(user_logged_out)
def log_sign_out(request: HttpRequest | None, user: User | None, **_: object) -> None:
    if user is not None:
        write(request, user, SIGNED_OUT)


@receiver(user_login_failed)
def log_failure(
    credentials: dict[str, Any], request: HttpRequest | None = None, **_: object
) -> None:
    """For existing accounts only: other names are in the list of sign-in failures.

    While it is locked the password is not looked at: it may even be the right one.
    """
    name = str(credentials.get("username", ""))
    user = User.objects.filter(username=name).first()
    if user is not None:
        write_failure(request, user, REFUSED if _is_locked(request) else WRONG_PASSWORD)


def _is_locked(request: HttpRequest | None) -> bool:
    """Whether the backend refused it unseen; the failure that brings the lock was looked at."""
    return bool(getattr(request, "refused_unseen", False))


def _was_refused(request: HttpRequest, lines: list[dict[str, Any]]) -> bool:
    """Whether this lock, of this address, has its line."""
    begun = timezone.now() - settings.AXES_COOLOFF_TIME
    ip = client_ip(request)
    return any(
        line["act"] == REFUSED and line.get("ip") == ip and line["at"] > begun for line in lines
    )


def _recent_failures(user: User) -> list[dict[str, Any]]:
    since = timezone.now() - max(FAILURE_PERIOD, settings.AXES_COOLOFF_TIME)
    about_account = LogEntry.objects.filter(user=user, content_type=None, action_time__gt=since)
    rows = about_account.order_by("-pk").values_list("change_message", "action_time")
    lines = [{**json.loads(message)[0], "at": at} for message, at in rows[: 10 * FAILURE_LINES]]
    return [line for line in lines if line["act"] in FAILURES]
