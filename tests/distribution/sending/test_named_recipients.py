"""What the answer to a send tells of its recipient is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from distribution.models import State
from phonepool.cloud_api.client import PreparedMessage, SendOutcome
from subscribers.consent.preferences import apply_preferences
from subscribers.consent.suppressions import Preference
from subscribers.models import Status, Subscriber, WhatsAppIdentity
from tests.builders import a_number, a_subscriber, an_open_distribution
from tests.distribution.batches import send, states
from tests.fakes import FakeCloudApi

SAID = {"source": "whatsapp:STOP", "evidence": "wamid.in.1"}
pytestmark = pytest.mark.django_db


class NamingApi(FakeCloudApi):
    """Answers with these ids of the recipient."""

    def __init__(self, wa_id: str = "", user_id: str = "") -> None:
        super().__init__()
        self.ids = {"wa_id": wa_id, "user_id": user_id}

    def outcome(self, message: PreparedMessage) -> SendOutcome:
        return replace(super().outcome(message), **self.ids)


def test_an_answer_tells_the_spelling_under_which_a_stop_comes_later():
    """Case A13: `contacts[].input` and `wa_id` differ, and no rule of a numbering plan says how."""
    a_number()
    who = a_subscriber(phone="+2290197654321")

    send(an_open_distribution(), NamingApi(wa_id="22997654321"))

    row = WhatsAppIdentity.objects.get()
    assert (row.subscriber_id, row.wa_id, row.user_id) == (who.pk, "22997654321", "")
    now = timezone.now() + timedelta(seconds=1)
    stop = Preference("+22997654321", wants=False, **SAID, at=now)
    assert apply_preferences([stop], now=now) == []
    assert Subscriber.objects.get().status == Status.UNSUBSCRIBED


def test_an_answer_that_tells_the_phone_only_is_not_kept():
    a_number()
    a_subscriber(phone="+919812345678")

    send(an_open_distribution(), NamingApi(wa_id="919812345678"))

    assert states() == {State.ACCEPTED: 1}
    assert not WhatsAppIdentity.objects.exists()


def test_a_stop_kept_for_the_user_id_applies_when_an_answer_tells_it():
    """Case A14."""
    number = a_number()
    portfolio = number.portfolio.business_id
    who = a_subscriber(phone="+919812345678")
    at = timezone.now() - timedelta(minutes=1)
    stop = Preference("", wants=False, **SAID, at=at, user_id="IN.1349", portfolio_id=portfolio)
    apply_preferences([stop], now=at)

    send(an_open_distribution(), NamingApi(user_id="IN.1349"))

    who.refresh_from_db()
    assert who.status == Status.UNSUBSCRIBED
