"""Whole distributions to the real sandbox over HTTP: what Meta would refuse for everybody is found
when it opens. The sandbox refuses like Meta, and its journal is the oracle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import timezone

from distribution.content import media
from distribution.engine import tick
from distribution.lifecycle import media_renewal
from distribution.mirror import template_sync
from distribution.models import Alert, Content, Distribution, MessageTemplate
from distribution.sending import batch
from phonepool.cloud_api import client
from tests.builders import (
    a_number,
    a_planned_distribution,
    an_approved_content,
    some_subscribers,
)
from tests.distribution.content_staff import PLAIN, RICH
from tests.sandbox.harness import ONE, TOKEN, TWO, WABA, SandboxProcess, start

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
PEOPLE = 300
PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 50
THREE_VARIABLES = [{"type": "BODY", "text": "Good morning {{1}}. Today: {{2}} and {{3}} so far."}]


@pytest.fixture
def meta(settings: Any) -> Iterator[SandboxProcess]:
    sandbox = start()
    settings.WHATSAPP_API_BASE, settings.WHATSAPP_ACCESS_TOKEN = sandbox.url, TOKEN
    settings.WHATSAPP_BUSINESS_ID = WABA
    for name, components in (("today", PLAIN), ("quiet", PLAIN), ("picture", RICH)):
        sandbox.control("POST", f"template/{name}", {"components": components})
    a_number(meta_id=ONE, rate_per_second=1000)
    some_subscribers(PEOPLE)
    mirror()
    yield sandbox
    client.client().close()
    sandbox.stop()


def mirror() -> None:
    template_sync.sync(client.client(), now=datetime.now(UTC))


def approved(name: str, **fields: Any) -> Content:
    template = MessageTemplate.objects.get(name=name)
    return an_approved_content(
        **{"day": timezone.localdate(), "message_template": template, **fields}
    )


def run() -> Distribution:
    """Opened by the tick and sent, with the content that is chosen then."""
    planned = a_planned_distribution(timezone.now(), content=None)
    tick.check(timezone.now())
    planned.refresh_from_db()
    for batch_no in range(planned.batches or 0):
        batch.send_batch(planned.pk, batch_no, api=client.client())
    return planned


def sent(meta: SandboxProcess) -> list[dict[str, Any]]:
    return [entry for entry in meta.journal() if entry.get("to")]


def assert_everybody_got_it_once(meta: SandboxProcess, planned: Distribution) -> None:
    assert planned.deliveries.count_by_state() == {"ACCEPTED": PEOPLE}
    got = Counter(entry["to"] for entry in sent(meta))
    assert (len(got), max(got.values())) == (PEOPLE, 1)


def told_of(planned: Distribution) -> str:
    """Its alert's message; after six o'clock the tick opens the day's own distribution as well."""
    scope = f"distribution {planned.pk}"
    return Alert.objects.get(rule="content_invalid", scope=scope, closed_at=None).message


def test_a_template_edited_at_meta_is_replaced_by_the_fallback(meta: SandboxProcess) -> None:
    """Case A6: 300 of 300 failed with 132000, and the distribution was COMPLETED."""
    approved("today")
    fallback = approved("quiet", day=None, is_fallback=True, title="A quiet morning")
    meta.control("POST", "template/today", {"components": THREE_VARIABLES})
    mirror()

    planned = run()

    assert planned.content == fallback
    assert_everybody_got_it_once(meta, planned)
    assert "Variable 3: Enter a value" in told_of(planned)


def test_without_a_fallback_nobody_is_written_to(meta: SandboxProcess) -> None:
    """Cases A3 and A6: a part that cannot be filled in was added at Meta."""
    approved("today")
    location = [{"type": "HEADER", "format": "LOCATION"}, *PLAIN]
    meta.control("POST", "template/today", {"components": location})
    mirror()

    planned = run()

    assert (planned.state, sent(meta)) == ("BLOCKED", [])
    assert "a LOCATION header" in told_of(planned)


def test_each_number_sends_its_own_copy_of_the_file(meta: SandboxProcess) -> None:
    """Class K2: an id of another number is refused (100) for everybody that number writes to."""
    header = media.upload("image", "a.png", PNG, api=client.client(), now=timezone.now())
    approved("picture", media=header, button_variables={"1": "today"})
    a_number(meta_id=TWO, rate_per_second=1000)
    media_renewal.renew(client.client(), now=timezone.now())

    planned = run()

    assert_everybody_got_it_once(meta, planned)
    assert set(planned.deliveries.values_list("number__meta_id", flat=True)) == {ONE, TWO}
