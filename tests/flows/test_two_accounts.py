"""Whole distributions of 300 with two WhatsApp accounts under one token, to the real sandbox."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.utils import timezone

from distribution.mirror import pool_sync, template_sync
from distribution.models import Alert, Delivery, DistributionState, MessageTemplate, State
from phonepool.cloud_api import client
from phonepool.models import PhoneNumber, Portfolio, Waba
from tests.builders import a_number, an_approved_content, an_open_distribution
from tests.flows.test_general_failures import PEOPLE, Morning, refuse
from tests.sandbox.harness import ONE, SECRET, TOKEN, TWO, WABA, Receiver, start

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
OTHER_WABA, OTHER_NUMBER = "400000000000777", "100000000000777"


@pytest.fixture(params=["one portfolio", "two portfolios"])
def morning(request, settings) -> Iterator[Morning]:
    receiver = Receiver().begin()
    meta = start("--webhook-url", receiver.url)
    settings.WHATSAPP_API_BASE, settings.WHATSAPP_ACCESS_TOKEN = meta.url, TOKEN
    settings.WHATSAPP_BUSINESS_ID, settings.WHATSAPP_APP_SECRETS = WABA, [SECRET]
    two = request.param == "two portfolios"
    own = meta.control("POST", f"waba/{WABA}", {})["portfolio"]
    added = {"numbers": [f"{OTHER_NUMBER}:918000000777:500"], "templates": ["daily_update:en:2"]}
    added |= {"portfolio": "500000000000777" if two else own}
    assert meta.control("POST", f"waba/{OTHER_WABA}", added)["portfolio"] == added["portfolio"]
    portfolio = Portfolio.objects.create(business_id=own)
    other = Portfolio.objects.create(business_id=added["portfolio"]) if two else portfolio
    Waba.objects.create(meta_id=WABA, portfolio=portfolio)
    Waba.objects.create(meta_id=OTHER_WABA, portfolio=other, name="other")
    for meta_id in (ONE, TWO):
        a_number(meta_id=meta_id, rate_per_second=200, portfolio=portfolio)
    a_number(meta_id=OTHER_NUMBER, rate_per_second=200, portfolio=other)
    read_meta()
    template = MessageTemplate.objects.get(name="daily_update", waba__meta_id=WABA)
    content = an_approved_content(message_template=template)
    yield Morning(meta, receiver, an_open_distribution(PEOPLE, content=content))
    client.client().close()
    meta.stop()
    receiver.end()


def read_meta() -> None:
    now = datetime.now(UTC)
    template_sync.sync(client.client(), now=now)
    pool_sync.sync(client.client(), now=now)


def senders() -> set[str]:
    accepted = Delivery.objects.filter(state=State.ACCEPTED)
    return set(accepted.values_list("number__meta_id", flat=True))


def test_numbers_of_both_accounts_send_to_everybody_once(morning):
    owners = dict(PhoneNumber.objects.values_list("meta_id", "waba__meta_id"))
    assert owners == {ONE: WABA, TWO: WABA, OTHER_NUMBER: OTHER_WABA}

    morning.until_everybody_has_it()

    morning.assert_everybody_got_it_once()
    assert OTHER_NUMBER in senders()
    assert senders() & {ONE, TWO}


def test_a_template_that_one_account_has_lost_is_sent_by_the_other(morning):
    """Its own answers say so (132015): those refused move, nobody waits for a person."""
    for meta_id in (ONE, TWO):
        refuse(morning, match={"number": meta_id}, do="error", code=132015)

    morning.until_everybody_has_it()

    morning.assert_everybody_got_it_once()
    assert senders() == {OTHER_NUMBER}
    assert morning.now.state in (DistributionState.SENDING, DistributionState.COMPLETED)
    lost = MessageTemplate.objects.get(name="daily_update", waba__meta_id=WABA)
    assert lost.status == "PAUSED"


def test_a_template_that_both_have_lost_pauses_until_one_has_it_again(morning):
    refuse(morning, do="error", code=132015)
    morning.until_paused("template_paused")

    morning.meta.control("DELETE", "faults")
    for word in ("PAUSED", "APPROVED"):
        for template in MessageTemplate.objects.filter(name="daily_update"):
            change = {"status": word, "waba": template.waba.meta_id}
            morning.meta.control("POST", "template/daily_update", change)
        read_meta()
        morning.step()

    morning.until_everybody_has_it()
    morning.assert_everybody_got_it_once()


def test_a_locked_account_alerts_by_reading_alone_and_the_alert_ends_with_it(morning):
    morning.meta.control("POST", f"account/{OTHER_WABA}", {"locked": True, "silent": True})
    for _ in range(2):
        pool_sync.sync(client.client(), now=timezone.now())
    (alert,) = Alert.objects.filter(rule="account_notice")
    assert "of account other" in alert.message

    morning.meta.control("POST", f"account/{OTHER_WABA}", {"locked": False, "silent": True})
    pool_sync.sync(client.client(), now=timezone.now())
    alert.refresh_from_db()
    assert alert.closed_at is not None
    morning.until_everybody_has_it()
    assert Counter(morning.received().values()) == {1: PEOPLE}
