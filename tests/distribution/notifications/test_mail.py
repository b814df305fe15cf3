"""Each notification is sent once: whatever fails, nothing is lost and nothing is sent twice."""

from __future__ import annotations

import smtplib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connections

from distribution import tasks
from distribution.alerts.notifiers import mail as sender
from distribution.engine import keeper
from distribution.engine.keeper import Keeper
from distribution.models import Alert, Heartbeat, Notification, NotificationKind
from distribution.runtime.watchdog import Watchdog
from tests.distribution.keepers import World, keeper_actions
from tests.distribution.mail_server import Server
from tests.distribution.staff import a_client, somebody

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def server(settings: Any) -> Any:
    settings.EMAIL_BACKEND = f"{Server.__module__}.Server"
    settings.PUBLIC_URL = "https://daybreak.example.com"
    mail.outbox = []
    yield Server
    Server.failures, Server.on_open = [], []
    Server.before = staticmethod(lambda: None)


def waiting(number: int = 1, **fields: Any) -> list[Notification]:
    """Notifications that are due, each to somebody else."""
    return [
        Notification.objects.create(
            **{
                "kind": NotificationKind.REVIEW_WAITING,
                "recipient": somebody("Approver"),
                "subject": "Review needed: RBI policy day",
                "text": "asha submitted “RBI policy day”.",
                "path": "/admin/distribution/content/7/change/",
                "since": NOW,
                "next_at": NOW,
                **fields,
            }
        )
        for _ in range(number)
    ]


def deliver(*, later: timedelta = timedelta(0)) -> int:
    return sender.deliver_due(lambda: NOW + later)


def states() -> list[tuple[str, int]]:
    return list(Notification.objects.order_by("pk").values_list("state", "tries"))


@pytest.mark.django_db(transaction=True)
def test_the_task_sends_what_is_due_once():
    (row,) = waiting()

    for _ in range(2):
        tasks.send_notifications()
        sender.sending.start().join()

    (message,) = mail.outbox
    assert (message.subject, message.to) == (row.subject, [row.recipient.email])
    assert message.extra_headers["Message-ID"] == f"<{row.uid}@daybreak.example.com>"
    assert message.body == (
        "asha submitted “RBI policy day”.\n\n"
        "Open it: https://daybreak.example.com/admin/distribution/content/7/change/\n\n"
        "You get this e-mail because: You can approve content.\n"
        "Change which e-mails you get: "
        "https://daybreak.example.com/admin/distribution/notification/choices/\n"
    )
    assert states() == [("SENT", 1)]


@pytest.mark.django_db
def test_while_the_server_is_away_nobody_else_is_tried_and_all_are_sent_later(server):
    waiting(3)
    server.on_open = [ConnectionRefusedError(), smtplib.SMTPServerDisconnected("gone")]

    assert [deliver(), deliver()] == [0, 0]
    assert mail.outbox == []
    assert deliver(later=timedelta(minutes=10)) == 3

    assert len({message.to[0] for message in mail.outbox}) == len(mail.outbox) == 3
    assert {state for state, _ in states()} == {"SENT"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "failure",
    [
        TimeoutError(),
        smtplib.SMTPServerDisconnected("gone"),
        smtplib.SMTPDataError(451, b"try later"),
        smtplib.SMTPAuthenticationError(535, b"no"),
        smtplib.SMTPRecipientsRefused({"x@example.com": (450, b"busy")}),
    ],
)
def test_a_failed_try_is_repeated_with_the_same_id_after_a_while(server, failure):
    (row,) = waiting()
    server.failures = [failure]

    assert deliver() == 0
    assert deliver(later=timedelta(seconds=29)) == 0
    assert mail.outbox == []
    assert deliver(later=timedelta(seconds=30)) == 1

    assert mail.outbox[0].extra_headers["Message-ID"].startswith(f"<{row.uid}@")
    assert states() == [("SENT", 2)]


@pytest.mark.django_db
def test_it_is_given_up_after_a_day_and_sent_again_by_an_administrator(server):
    (row,) = waiting()
    later = timedelta(0)
    while states()[0][0] == "WAITING":
        server.failures = [TimeoutError()]
        deliver(later=later)
        later += timedelta(minutes=30)
    assert later > timedelta(days=1)
    server.failures = []
    alerts = Alert.objects.filter(rule="notifications_undelivered", closed_at=None)
    message = "1 notification to staff could not be delivered. The mail server cannot be reached"
    assert alerts.get().message.startswith(message)

    admin = a_client("Administrator")
    page = admin.get(f"/admin/distribution/alert/{alerts.get().pk}/change/").content.decode()
    assert "/admin/distribution/notification/?state__exact=DEAD" in page
    listed = "/admin/distribution/notification/"
    assert "Not delivered" in admin.get(listed).content.decode()
    answer = admin.post(listed, {"action": "send_again", "_selected_action": [row.pk]}, follow=True)

    assert "1 notification will be sent again." in answer.content.decode()
    assert not alerts.exists()
    assert sender.deliver_due() == 1
    assert len(mail.outbox) == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "failure", [smtplib.SMTPRecipientsRefused({"x@example.com": (550, b"no")}), ValueError()]
)
def test_an_address_that_the_server_refuses_for_good_is_not_tried_again(server, failure):
    waiting(2)
    server.failures = [failure]

    assert deliver() == 1  # the other one is sent

    assert states() == [("DEAD", 1), ("SENT", 1)]
    sender.delete_old(NOW + timedelta(days=6))  # runs every hour
    assert Alert.objects.filter(rule="notifications_undelivered", closed_at=None).exists()
    sender.delete_old(NOW + timedelta(days=8))
    assert not Alert.objects.filter(rule="notifications_undelivered", closed_at=None).exists()


@pytest.mark.django_db
def test_who_left_since_gets_nothing():
    (row,) = waiting()
    row.recipient.is_active = False
    row.recipient.save()

    assert deliver() == 0
    assert (mail.outbox, states()) == ([], [("DROPPED", 1)])


@pytest.mark.django_db
def test_what_a_dead_sender_left_is_sent_after_its_lease(server):
    waiting()
    server.before = staticmethod(lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):  # the process ends while it talks to the server
        deliver()
    server.before = staticmethod(lambda: None)

    assert deliver(later=timedelta(seconds=119)) == 0
    assert deliver(later=timedelta(seconds=120)) == 1
    assert len(mail.outbox) == 1


@pytest.mark.django_db(transaction=True)
def test_two_senders_at_once_send_each_once(server):
    waiting(4)

    def one() -> int:
        try:
            return deliver()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        counts = [future.result() for future in [pool.submit(one), pool.submit(one)]]

    assert sum(counts) == len(mail.outbox) == len({message.to[0] for message in mail.outbox}) == 4


@pytest.mark.django_db(transaction=True)
def test_the_keeper_sends_what_celery_does_not():
    world = World()
    world.celery_lives()
    Heartbeat.record("keeper", world.now)
    waiting(since=world.now, next_at=world.now)
    assert not keeper.observe(world.now).unsent_mail

    world.now += timedelta(minutes=1)
    with Watchdog(30) as watchdog:
        actions = keeper_actions(world, publish=world.publish)
        running = Keeper(actions, watchdog=watchdog, clock=lambda: world.now)
        running._round()
        running._mailing.start().join()

    assert [message.subject for message in mail.outbox].count("Review needed: RBI policy day") == 1
    assert states()[0] == ("SENT", 1)


@pytest.mark.django_db
def test_settled_notifications_are_deleted_after_three_months_and_waiting_ones_never():
    old = NOW - timedelta(days=91)
    waiting(1, since=old, state="SENT")
    waiting(1, since=old)

    tasks.forget_events()

    assert [state for state, _ in states()] == ["WAITING"]
