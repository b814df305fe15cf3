"""Signed webhooks as Meta writes them, and deliveries that they can report on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from django.conf import settings
from django.test import Client
from django.utils import timezone

from distribution.ledger import deliveries
from distribution.ledger.attempts.ids import AttemptKey
from distribution.models import Delivery, Distribution
from phonepool.models import PhoneNumber
from tests.builders import LEASE, a_number, an_open_distribution
from webhooks.applying import handlers, inbox
from webhooks.models import WebhookEvent
from webhooks.receiving import signature
from webhooks.receiving import store as storing

URL = "/webhooks/whatsapp"
NUMBER = "106540352242922"
TOLD_AT = re.compile(rb'"time(?:stamp)?":"?([0-9]{10})\b')
serial = count(1)


def encode(document: Any) -> bytes:
    """Compact JSON with escaped slashes, as Meta sends it."""
    return json.dumps(document, separators=(",", ":")).replace("/", "\\/").encode()


def envelope(*changes: dict[str, Any], time: datetime | None = None) -> bytes:
    entry: dict[str, Any] = {"id": "102290129340398", "changes": list(changes)}
    if time is not None:
        entry["time"] = int(time.timestamp())
    return encode({"object": "whatsapp_business_account", "entry": [entry]})


def notice(field: str, time: datetime | None = None, **value: Any) -> bytes:
    """A management webhook."""
    return envelope({"field": field, "value": value}, time=time or timezone.now())


def messages(number: str = NUMBER, **value: Any) -> dict[str, Any]:
    metadata = {"display_phone_number": "919800000001", "phone_number_id": number}
    frame = {"messaging_product": "whatsapp", "metadata": metadata}
    return {"field": "messages", "value": {**frame, **value}}


def statuses(*items: dict[str, Any], number: str = NUMBER) -> bytes:
    return envelope(messages(number, statuses=list(items)))


def status(
    word: str,
    about: AttemptKey | str | None = None,
    *,
    at: datetime,
    wamid: str = "wamid.HBgM",
    code: int | None = None,
    pricing: dict[str, Any] | None = None,
    **recipient: str,
) -> dict[str, Any]:
    """One item of `statuses`; `about` is the attempt id, `recipient` its ids of the person."""
    item: dict[str, Any] = {
        "id": wamid,
        "status": word,
        "timestamp": str(int(at.timestamp())),
        **recipient,
    }
    if about is not None:
        item["biz_opaque_callback_data"] = str(about)
    if code is not None:
        item["errors"] = [{"code": code, "title": "…"}]
    if pricing is not None:
        item["pricing"] = pricing
    return item


def text_message(phone: str, text: str, *, at: datetime, number: str = NUMBER) -> bytes:
    """A text message from a person."""
    item = {
        "from": phone.removeprefix("+"),
        "id": f"wamid.in.{next(serial)}",
        "timestamp": str(int(at.timestamp())),
        "type": "text",
        "text": {"body": text},
    }
    return envelope(messages(number, messages=[item]))


def preference_change(phone: str, value: str, *, at: datetime, number: str = NUMBER) -> bytes:
    """WhatsApp's own switch for marketing messages."""
    change = messages(
        number,
        user_preferences=[
            {
                "wa_id": phone.removeprefix("+"),
                "detail": f"User requested to {value} marketing messages",
                "category": "marketing_messages",
                "value": value,
                "timestamp": int(at.timestamp()),
            }
        ],
    )
    return envelope({**change, "field": "user_preferences"})


def post(client: Client, body: bytes, *, sign_with: str | None = None, **headers: str) -> Any:
    """POST a body as Meta would, or with other headers."""
    secret = settings.WHATSAPP_APP_SECRETS[0] if sign_with is None else sign_with
    given = {signature.HEADER: signature.sign(body, secret), **headers}
    return client.post(URL, body, content_type="application/json", headers=given)


def apply(*bodies: bytes, now: datetime | None = None) -> inbox.DrainResult:
    """Store the bodies and drain the inbox: `now`, or just after the last moment they name."""
    now = now or max(map(_told_at, bodies), default=timezone.now())
    for body in bodies:
        storing.store(body, 0, now=now)
    return inbox.drain(now=now)


def _told_at(body: bytes) -> datetime:
    """The last time in a webhook, so that dates of a test are not compared with the real clock."""
    told = [int(seconds) for seconds in TOLD_AT.findall(body)]
    return datetime.fromtimestamp(max(told) + 1, UTC) if told else timezone.now()


def pool_number(**fields: Any) -> PhoneNumber:
    return a_number(**{"meta_id": NUMBER, "display_number": "+91 98000 00001", **fields})


def in_flight(
    people: int = 1, *, now: datetime, lease: timedelta = LEASE, **fields: Any
) -> tuple[Distribution, dict[int, AttemptKey]]:
    """An open distribution whose deliveries are all in flight: attempt ids by delivery."""
    number = PhoneNumber.objects.filter(meta_id=NUMBER).first() or pool_number()
    distribution = an_open_distribution(people, now=now, **fields)
    return distribution, put_in_flight(distribution, number, now=now, lease=lease)


def put_in_flight(
    distribution: Distribution, number: PhoneNumber, *, now: datetime, lease: timedelta = LEASE
) -> dict[int, AttemptKey]:
    attempts: dict[int, AttemptKey] = {}
    for batch_no in range(distribution.batches):
        claimed = deliveries.claim(distribution.pk, batch_no, limit=1000, now=now, lease=lease)
        attempts |= {row.pk: claimed.attempt(row) for row in claimed.deliveries}
        deliveries.mark_inflight(
            claimed, claimed.deliveries, number_id=number.pk, now=now, lease=lease
        )
    return attempts


def rows(pks: Iterable[int]) -> list[Delivery]:
    return list(Delivery.objects.filter(pk__in=pks).order_by("pk"))


def store(*bodies: bytes, at: datetime) -> list[int]:
    """Ids of the stored bodies."""
    last = WebhookEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    for body in bodies:
        assert storing.store(body, 0, now=at)
    rows = WebhookEvent.objects.filter(pk__gt=last).order_by("pk")
    return list(rows.values_list("pk", flat=True))


def make_applying_fail(
    monkeypatch: Any, *failing: int, error: Exception | None = None
) -> list[set[int]]:
    """Make applying any bundle with one of these webhooks fail; the bundles that were tried."""
    tried: list[set[int]] = []
    really = handlers.apply

    def apply(webhooks, *, now):
        tried.append(set(webhooks))
        if not tried[-1].isdisjoint(failing):
            raise error or ZeroDivisionError("a poison for +919812345678")
        return really(webhooks, now=now)

    monkeypatch.setattr(handlers, "apply", apply)
    return tried
