"""Somebody who came by every path, and the search for them in everything that is stored."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import quote

from django.contrib.admin.models import CHANGE, LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.models import (
    Attempt,
    AttemptOutcome,
    Certainty,
    Delivery,
    Duplicate,
    EventKind,
    Notification,
    NotificationKind,
    OutgoingEvent,
    Ruling,
    Verdict,
)
from evidence.linking import Linker
from subscribers import tasks
from subscribers.models import Erasure, ImportJob, Subscriber
from tests import builders
from tests.api.tokens import a_program
from tests.distribution.staff import a_client, a_member
from tests.shown_forms import confirm
from tests.subscribers.admin.test_imports import decide
from tests.webhooks import posts
from webhooks.applying import inbox
from webhooks.models import WebhookEvent

DIGITS = "919845012365"
PHONE, NAME, EMAIL = f"+{DIGITS}", "Zénobie Quillérand", "zenobie.q@example.in"
USER_ID = "IN.1349120865530274"
SPOKEN = f"{NAME}, +91 98450 12365, called"


def a_message_id(end: str) -> str:
    """As Meta makes them: the number is in it, in Base64."""
    return (
        "wamid."
        + base64.b64encode(b"\x1c\x0c" + DIGITS.encode() + b"\x15\x02\x00" + end.encode()).decode()
    )


OUT, IN = a_message_id("out-0001"), a_message_id("in-00001")


def needles() -> set[bytes]:
    """How the person may be written in whatever is stored."""
    national = DIGITS[2:]
    texts = {DIGITS, national, f"{national[:5]} {national[5:]}", NAME, EMAIL, USER_ID, OUT, IN}
    texts |= {json.dumps(NAME)[1:-1], quote(NAME), quote(PHONE), quote(EMAIL), "Quill"}
    found = {text.encode() for text in texts} | {text.encode().hex().encode() for text in texts}
    for offset in range(3):  # Base64 of it at each alignment, without the ends that others share
        coded = base64.b64encode(b"x" * offset + national.encode() + b"x" * 3)
        start = -(-offset * 8 // 6)
        found.add(coded[start : (offset + len(national)) * 8 // 6])
    return {needle.lower() for needle in found}


def stored() -> Iterator[tuple[str, bytes]]:
    """Every value of every table, as it is and unpacked."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - our own tables
            names = [column[0] for column in cursor.description or ()]
            for row in cursor.fetchall():
                for name, value in zip(names, row, strict=True):
                    if isinstance(value, bytes | memoryview):
                        raw = bytes(value)
                    else:
                        raw = str(value).encode("utf-8", "replace")
                    yield f"{table}.{name}", raw
                    try:
                        yield f"{table}.{name} unpacked", zlib.decompress(raw)
                    except zlib.error:
                        continue


def places_that_name_them() -> dict[str, str]:
    looked_for = needles()
    return {
        place: needle.decode()
        for place, value in stored()
        for needle in looked_for
        if needle in value.lower()
    }


def post(body: bytes) -> None:
    assert posts.post(Client(), body).status_code == 200
    inbox.drain(now=timezone.now())


def came_by_a_list(admin: Client) -> None:
    """Uploaded under their name, checked, and imported with a source that names them."""
    rows = f"phone,name,email\n{DIGITS[2:7]} {DIGITS[7:]},{NAME},{EMAIL}\n12,{NAME}\n"
    file = SimpleUploadedFile(f"{NAME} {PHONE}.csv", rows.encode())
    admin.post(reverse("admin:subscribers_importjob_add"), {"file": file})
    tasks.tend_imports()
    decide(admin, "confirm", ImportJob.objects.get(), consent_source=f"Form that {SPOKEN} signed")
    tasks.tend_imports()


def came_by_the_api() -> Subscriber:
    body = {"phone": PHONE, "name": NAME, "consent_source": SPOKEN}
    url = "/api/distribution/subscribers/add"
    key = {"Idempotency-Key": f"add-{DIGITS}"}
    assert a_program("subscribers").post(url, body, headers=key).status_code == 201
    return Subscriber.objects.get(phone=PHONE)


def changed_by_the_api(person: Subscriber) -> None:
    program = a_program("subscribers")
    known = f"/api/distribution/subscribers/{person.pk}"
    program.patch(known, {"email": EMAIL, "language": "hi"}, format="json")
    program.patch(f"{known}/status", {"status": "PAUSED", "reason": SPOKEN[:150]}, format="json")
    change = {"status": "ACTIVE", "reason": SPOKEN[:150]}
    program.patch(f"{known}/status", change, format="json")
    assert program.get(known).json()["phone"] == PHONE


def was_written_to(person: Subscriber) -> Delivery:
    """A delivery with its reports, an attempt that failed, a decision and a suspected duplicate."""
    now = timezone.now() - timedelta(days=3)
    distribution = builders.an_open_distribution(0, now=now)
    delivery = Delivery.objects.filter(distribution=distribution, subscriber=person).first()
    if delivery is None:
        delivery = Delivery(distribution=distribution, subscriber=person, batch_no=0, next_at=now)
    delivery.phone, delivery.tier, delivery.state = PHONE, "PRO", "ACCEPTED"
    delivery.accepted_at, delivery.wamid, delivery.attempt_no = now, OUT, 1
    delivery.number = builders.a_number()
    delivery.save()
    Attempt.objects.create(
        delivery=delivery,
        attempt_id=f"{delivery.pk}.1",
        outcome=AttemptOutcome.REJECTED,
        reason="x",
        details=f"{NAME} cannot be reached",
        ended_at=now,
    )
    Verdict.objects.create(
        delivery=delivery,
        attempt_id=f"{delivery.pk}.1",
        ruling=Ruling.HUMAN_LEAVE,
        reason=SPOKEN,
        evidence={"said": NAME},
        by=a_member(),
        at=now,
    )
    Duplicate.objects.create(
        delivery=delivery,
        certainty=Certainty.SUSPECT,
        earlier_attempt="1",
        earlier_wamid=OUT,
        later_attempt="2",
        later_wamid=a_message_id("out-0002"),
        found_at=now,
    )
    return delivery


def wrote_and_was_reported(number: str) -> None:
    """Statuses, a STOP with the profile's name, a body that nobody can read, and one given up."""
    report = {"id": OUT, "status": "delivered", "recipient_id": DIGITS, "timestamp": "1764396000"}
    post(posts.statuses(report, number=number))
    contact = {"profile": {"name": NAME}, "wa_id": DIGITS, "user_id": USER_ID}
    text = {"from": DIGITS, "from_user_id": USER_ID, "id": IN, "timestamp": "1764396001"}
    thanks = text | {"id": f"{IN}0", "type": "text", "text": {"body": f"{SPOKEN} Thanks"}}
    post(posts.envelope(posts.messages(number, contacts=[contact], messages=[thanks])))
    stop = text | {"type": "text", "text": {"body": "STOP"}}
    post(posts.envelope(posts.messages(number, contacts=[contact], messages=[stop])))
    WebhookEvent.objects.create(
        body=f'{{"broken": "{DIGITS} {NAME}'.encode(),
        digest="1" * 64,
        secret_no=0,
        received_at=timezone.now(),
        dead_at=timezone.now(),
        error=f"Traceback\nValueError: row ({NAME}, {PHONE})",
    )


def is_spoken_of(person: Subscriber) -> None:
    """Free texts about anything: reasons in the log, alerts, events."""
    now, boss = timezone.now(), a_member()
    LogEntry.objects.create(
        user=boss,
        action_flag=CHANGE,
        object_repr="June list",
        change_message=json.dumps([{"act": "pause", "reason": SPOKEN}]),
    )
    LogEntry.objects.create(user=boss, action_flag=CHANGE, change_message="Signed in.")
    incidents.raise_alert(AlertRule.WEBHOOK_DEAD_LETTER, message=SPOKEN, now=now)
    OutgoingEvent.objects.create(kind=EventKind.ALERT_OPENED, data={"message": SPOKEN}, at=now)
    Notification.objects.create(
        kind=NotificationKind.CONTENT_REJECTED,
        recipient=boss,
        subject=f"Rejected: {NAME}",
        text=SPOKEN,
        since=now,
        next_at=now,
    )


def note_about(client: Client, person: Subscriber) -> None:
    """One about the person, and one about somebody else that names them."""
    other = builders.a_subscriber()
    for about, text in ((person, f"Call {PHONE} after six"), (other, f"Cousin of {PHONE}")):
        address = reverse("admin:subscribers_subscriber_add_note", args=[about.pk])
        assert client.post(address, {"note": text}).status_code == 302


def came_by_every_path() -> Subscriber:
    admin = a_client("Administrator")
    number = builders.a_number()
    asked = came_by_the_api()
    came_by_a_list(admin)
    changed_by_the_api(asked)
    admin.get(reverse("admin:subscribers_subscriber_change", args=[asked.pk]))
    note_about(admin, asked)
    was_written_to(asked)
    wrote_and_was_reported(number.meta_id)
    is_spoken_of(asked)
    Linker().link()
    return asked


def erase(person: Subscriber) -> None:
    admin = a_client("Administrator")
    for act in ("erase_person", "purge_person"):
        url = reverse(f"admin:subscribers_subscriber_{act}", args=[person.pk])
        assert confirm(admin, url, reason=f"{NAME} asked"[:150]).status_code == 302
    assert Erasure.objects.get().purged_at is not None
