"""Test messages to staff are charged once each, shown apart, and compared with Meta's sums."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from distribution.cost import staff_messages
from distribution.models import Cost, StaffCharge
from tests.api.tokens import a_program
from tests.builders import a_number, a_waba
from tests.distribution.staff import a_client
from tests.webhooks.posts import NUMBER, apply, status, statuses

pytestmark = pytest.mark.django_db
EVENING = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)  # 00:30 of the next day in India
BLOCK = {"billable": True, "pricing_model": "PMP", "category": "utility", "type": "regular"}


def test_each_is_charged_once_on_its_day_and_shown_apart(time_machine):
    number = a_number(meta_id=NUMBER, waba=a_waba("900", currency="INR", time_zone="Asia/Kolkata"))
    time_machine.move_to(EVENING + timedelta(hours=1), tick=False)
    someone = {"recipient_id": "919812345678"}

    def told(word, wamid, about, pricing=BLOCK):
        return status(word, about, at=EVENING, wamid=wamid, pricing=pricing, **someone)

    bodies = [
        statuses(told("sent", "wamid.A", "test:7.0.00ff")),
        statuses(told("delivered", "wamid.A", "test:7.0.00ff")),
        statuses(told("read", "wamid.A", "test:7.0.00ff")),
        statuses(told("read", "wamid.B", "preflight:1.00112233445566aa")),
        statuses(told("delivered", "wamid.C", "test:7.1.00ff", {**BLOCK, "category": "new_kind"})),
        statuses(told("delivered", "wamid.D", "test:7.2.00ff", {**BLOCK, "billable": False})),
        statuses(told("delivered", "wamid.E", "of another system")),
    ]
    apply(*bodies, now=EVENING + timedelta(minutes=1))
    apply(bodies[1], now=EVENING + timedelta(minutes=2))  # posted again

    rows = StaffCharge.objects.order_by("pk").values_list("charged", "amount", "number")
    assert list(rows) == [
        ("CHARGED", Decimal("0.115"), number.pk),
        ("CHARGED", Decimal("0.115"), number.pk),
        ("NO_RATE", 0, number.pk),
        ("FREE", 0, number.pk),
    ]
    assert {row.charged_on.isoformat() for row in StaffCharge.objects.all()} == {"2026-11-24"}
    assert not Cost.objects.exists()
    day = StaffCharge.objects.first().charged_on
    assert set(staff_messages.charged(number.waba, day)) == {
        (number.pk, "utility", 2, Decimal("0.23")),
        (number.pk, "new_kind", 1, 0),
    }
    page = a_client("Viewer").get(reverse("admin:distribution_cost_page")).content.decode()
    assert "Not included: 4 test messages to staff phones, ₹0.23 (₹0.27 with GST)." in page
    api = a_program("read").get("/api/distribution/costs?from=2026-11-24&to=2026-11-24").json()
    assert api["staff_messages"]["messages"] == 4
    assert api["total"]["messages"] == 0
