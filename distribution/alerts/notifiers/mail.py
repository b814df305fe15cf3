"""Send notifications by e-mail: each once, tried again while the mail server fails.

A sender claims a row before it talks to the mail server, by moving its `next_at`: no other sender
takes it, and if this one dies, it is tried again after LEASE_SECONDS. Whether a server that broke
off had accepted a message cannot be known; the next try has the same Message-ID, by which mail
programs show one of two.
"""

from __future__ import annotations

import logging
import smtplib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import EmailMessage, get_connection
from django.db.models import F
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _

from distribution.alerts import given_up_notifications
from distribution.models import (
    Notification,
    NotificationKind,
    NotificationState,
)
from distribution.notifications import audience
from distribution.runtime.background import BackgroundJob
from distribution.runtime.database_retry import DatabaseRetry

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]

RETRY_DELAYS_SECONDS = (30, 120, 600, 1800, 3600, 7200, 14_400)  # after the first, second … try
GIVE_UP_AFTER = timedelta(days=1)
GIVE_UP_RESET_AFTER = timedelta(hours=1)  # whoever asked has asked again by then
LEASE_SECONDS = 120  # above the time limits of one conversation with the server
ROWS_PER_ROUND = 100
KEPT = timedelta(days=90)
DELETE_LIMIT = 5000
SERVER_ERRORS = (
    smtplib.SMTPAuthenticationError,
    smtplib.SMTPConnectError,
    smtplib.SMTPHeloError,
)
RECORD_PATIENCE_SECONDS = 60.0  # for a database that is away just after a message was sent


def deliver_due(clock: Clock = timezone.now) -> int:
    """Send what is due, oldest first; how many the mail server accepted. It stops at the first
    that the server does not answer: the others are not tried in vain."""
    if not settings.EMAIL_ENABLED:
        return 0
    due = Notification.objects.due(clock()).by_mail()
    pks = list(due.order_by("next_at", "pk").values_list("pk", flat=True)[:ROWS_PER_ROUND])
    if not pks:
        return 0
    sent, connection = 0, get_connection()
    try:
        for pk in pks:
            row = _claim(pk, clock())
            if row is None:
                continue
            result = _send(row, connection, clock)
            if result is None:
                break
            sent += result
    finally:
        _close(connection)
    return sent


def send_again(pks: Sequence[int], *, now: datetime) -> int:
    """Try those that were given up once more; how many."""
    dead = Notification.objects.filter(pk__in=pks, state=NotificationState.DEAD)
    waiting = {"state": NotificationState.WAITING, "tries": 0, "since": now, "next_at": now}
    number = dead.exclude(recipient=None, destination=None).update(**waiting)
    given_up_notifications.check(now)
    return number


def delete_old(now: datetime) -> int:
    """Delete what was settled long ago, and end the alert about what was given up long ago."""
    given_up_notifications.check(now)
    old = Notification.objects.filter(since__lt=now - KEPT)
    settled = old.exclude(state=NotificationState.WAITING).order_by("pk")
    pks = list(settled.values_list("pk", flat=True)[:DELETE_LIMIT])
    return Notification.objects.filter(pk__in=pks).delete()[0]


def _claim(pk: int, now: datetime) -> Notification | None:
    """Take the row for one try; None if another sender has it or it was settled."""
    due = Notification.objects.due(now).filter(pk=pk)
    lease = now + timedelta(seconds=LEASE_SECONDS)
    if not due.update(next_at=lease, tries=F("tries") + 1):
        return None
    return Notification.objects.select_related("recipient").get(pk=pk)


def _send(row: Notification, connection: Any, clock: Clock) -> int | None:
    """1 when it was sent, 0 when it was not, None when the server does not work at all."""
    try:
        message = _message(row, connection)
        if message is None:
            _settle(row, NotificationState.DROPPED)
            return 0
        connection.open()  # unless it is: one conversation for all
        message.send()
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _words in error.recipients.values()]
        _fail(
            row,
            f"The mail server refused the address ({codes[0]}).",
            clock(),
            for_good=all(code >= 500 for code in codes),
        )
        return 0
    except smtplib.SMTPResponseException as error:
        _fail(row, f"The mail server answered {error.smtp_code}.", clock())
        return None if isinstance(error, SERVER_ERRORS) else 0
    except OSError as error:  # smtplib's other errors are OSErrors, too
        _fail(row, f"The mail server cannot be reached ({type(error).__name__}).", clock())
        return None
    except (ValueError, UnicodeError) as error:  # such as an address that is none
        _fail(row, f"The message cannot be sent ({type(error).__name__}).", clock(), for_good=True)
        return 0
    _settle(row, NotificationState.SENT, sent_at=clock(), error="")
    return 1


def _message(row: Notification, connection: Any) -> EmailMessage | None:
    """The e-mail, or None if nobody is to get it any more."""
    person = row.recipient
    if person is None or not person.is_active or not person.email:
        return None
    host = urlsplit(settings.PUBLIC_URL).hostname or "localhost"
    return EmailMessage(
        subject=row.subject,
        body=body(row, person),
        to=[person.email],
        headers={
            "Message-ID": f"<{row.uid}@{host}>",
            "Auto-Submitted": "auto-generated",
        },
        connection=connection,
    )


def body(row: Notification, person: User) -> str:
    """Text, the link to the page, and why they get it."""
    kind = NotificationKind(row.kind)
    parts = [row.text]
    if kind == NotificationKind.PASSWORD_RESET:  # made now: no stored row opens an account
        uid = urlsafe_base64_encode(force_bytes(person.pk))
        token = default_token_generator.make_token(person)
        parts.append(f"{settings.PUBLIC_URL}/admin/reset-password/{uid}/{token}/")
    elif row.path:
        parts.append(_("Open it: %(link)s") % {"link": f"{settings.PUBLIC_URL}{row.path}"})
    if kind not in audience.ACCOUNT:
        choices = f"{settings.PUBLIC_URL}/admin/distribution/notification/choices/"
        parts.append(
            _("You get this e-mail because: %(why)s\nChange which e-mails you get: %(link)s")
            % {"why": audience.why(kind), "link": choices}
        )
    return "\n\n".join(parts) + "\n"


def _fail(row: Notification, error: str, now: datetime, *, for_good: bool = False) -> None:
    """Wait longer after each failed try; give up after a day, or when trying is pointless."""
    log.warning("notification %s was not sent: %s", row.pk, error)
    is_reset = row.kind == NotificationKind.PASSWORD_RESET
    end = row.since + (GIVE_UP_RESET_AFTER if is_reset else GIVE_UP_AFTER)
    if for_good or now >= end:
        _settle(row, NotificationState.DEAD, error=error)
        given_up_notifications.check(now)
        return
    delay = RETRY_DELAYS_SECONDS[min(row.tries, len(RETRY_DELAYS_SECONDS)) - 1]
    later = min(now + timedelta(seconds=delay), end)
    _settle(row, NotificationState.WAITING, next_at=later, error=error)


def _settle(row: Notification, state: NotificationState, **values: object) -> None:
    """Record the result of the try, also if the database is away for a moment. A try of another
    sender, after the lease, is not touched."""
    mine = Notification.objects.filter(pk=row.pk, state=NotificationState.WAITING, tries=row.tries)
    DatabaseRetry(RECORD_PATIENCE_SECONDS).run(lambda: mine.update(state=state, **values))


def _close(connection: Any) -> None:
    try:
        connection.close()
    except OSError:  # it broke off before
        log.info("the connection to the mail server was closed by the server")


sending = BackgroundJob("e-mails", deliver_due)  # a mail server may be slow to answer
