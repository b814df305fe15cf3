"""Notices in any order, in any bundles: the same records and the same open alerts (case A17)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distribution.models import Alert, MessageTemplate
from phonepool.models import PhoneNumber, Portfolio
from tests.builders import a_template
from tests.webhooks.posts import apply, notice, pool_number
from webhooks.applying import inbox
from webhooks.models import WebhookEvent
from webhooks.receiving import store

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India
TEMPLATE = {
    "message_template_id": 900000000000001,
    "message_template_name": "daily_update",
    "message_template_language": "en",
}
NUMBER = {"display_phone_number": "919800000001"}
STATUS, QUALITY = "message_template_status_update", "message_template_quality_update"
CATEGORY, NUMBERS = "template_category_update", "phone_number_quality_update"
LIMIT, ACCOUNT = "business_capability_update", "account_update"
ABUSE = "UTILITY_TEMPLATE_ABUSE"


def restriction(violation: str, **more: Any) -> dict[str, Any]:
    return {
        "event": "ACCOUNT_RESTRICTION",
        "violation_info": {"violation_type": violation},
        **more,
    }


WORDS: list[tuple[str, dict[str, Any]]] = [
    *((STATUS, {**TEMPLATE, "event": event}) for event in ("PAUSED", "REINSTATED", "DISABLED")),
    *((QUALITY, {**TEMPLATE, "new_quality_score": score}) for score in ("GREEN", "RED")),
    *((CATEGORY, {**TEMPLATE, "new_category": word}) for word in ("MARKETING", "UTILITY")),
    *(
        (CATEGORY, {**TEMPLATE, "new_category": "UTILITY", "correct_category": word})
        for word in ("MARKETING", "UTILITY")
    ),
    *((NUMBERS, {**NUMBER, "event": event}) for event in ("FLAGGED", "UNFLAGGED", "DOWNGRADE")),
    *((LIMIT, {"max_daily_conversations_per_business": n}) for n in (2000, "TIER_10K", "MANY")),
    (ACCOUNT, restriction(ABUSE)),
    (ACCOUNT, restriction(f"{ABUSE}_UNBAN")),
    (ACCOUNT, {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE"}}),
    (ACCOUNT, {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "REINSTATE"}}),
    (ACCOUNT, {"event": "PARTNER_REMOVED"}),
    (ACCOUNT, {"event": "PARTNER_ADDED"}),
]


def ended(bodies: list[bytes], drains: list[bool]) -> tuple[Any, ...]:
    """The records and open alerts after these webhooks, drained where it says so."""
    template = a_template(name="daily_update", meta_id="900000000000001", quality="UNKNOWN")
    pool_number()
    Portfolio.objects.update(recipient_limit=2000)
    for body, drain in zip(bodies, drains, strict=True):
        store.store(body, 0, now=NOW)
        if drain:
            inbox.drain(now=NOW)
    inbox.drain(now=NOW)
    assert not WebhookEvent.objects.pending().exists()
    kept = ("status", "quality", "category", "correct_category", "status_reason")
    alerts = Alert.objects.filter(closed_at=None).order_by("rule", "scope")
    scopes = [
        (rule, scope.replace(f"template {template.pk} ", "template "))
        for rule, scope in alerts.values_list("rule", "scope")
    ]
    return (
        MessageTemplate.objects.values_list(*kept).get(),
        PhoneNumber.objects.values_list("quality", "state").get(),
        Portfolio.objects.values_list("recipient_limit", "limit_at").get(),
        scopes,
    )


@given(data=st.data())
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_order_of_notices_ends_the_same(db, data):
    told = data.draw(st.lists(st.sampled_from(WORDS), min_size=2, max_size=7))
    bodies = [
        notice(field, NOW - timedelta(hours=len(told) - place), **value)
        for place, (field, value) in enumerate(told)
    ]
    shuffled = data.draw(st.permutations(bodies))
    drains = data.draw(st.lists(st.booleans(), min_size=len(told), max_size=len(told)))
    ends = []
    for order, cuts in ((bodies, [True] * len(told)), (shuffled, drains)):
        with transaction.atomic():
            ends.append(ended(order, cuts))
            transaction.set_rollback(True)

    assert ends[0] == ends[1]


# --- case A17, as it was found --------------------------------------------------------------------


def told(field: str, at: datetime, **value: Any) -> bytes:
    named = TEMPLATE if "template" in field else {}
    return notice(field, at, **named, **value)


@pytest.fixture
def template(db) -> MessageTemplate:
    pool_number()
    Portfolio.objects.update(recipient_limit=2000)
    return a_template(name="daily_update", meta_id="900000000000001", category="UTILITY")


@pytest.mark.parametrize("together", [True, False])
def test_an_older_quality_does_not_win(template, together):
    new = told(QUALITY, NOW, new_quality_score="RED")
    old = told(QUALITY, NOW - timedelta(hours=1), new_quality_score="GREEN")

    for bodies in [(new, old)] if together else [(new,), (old,)]:
        apply(*bodies)

    template.refresh_from_db()
    assert template.quality == "RED"


@pytest.mark.parametrize("turned", [True, False])
def test_of_two_notices_of_one_second_the_worse_counts(template, turned):
    """Meta's times are in whole seconds, so the order of arrival must not decide."""
    bodies = [
        told(QUALITY, NOW, new_quality_score="RED"),
        told(QUALITY, NOW, new_quality_score="GREEN"),
        told(STATUS, NOW, event="PAUSED"),
        told(STATUS, NOW, event="APPROVED"),
        told(NUMBERS, NOW, **NUMBER, event="FLAGGED"),
        told(NUMBERS, NOW, **NUMBER, event="UNFLAGGED"),
        told(ACCOUNT, NOW, **restriction(ABUSE)),
        told(ACCOUNT, NOW, **restriction(f"{ABUSE}_UNBAN")),
    ]
    for body in reversed(bodies) if turned else bodies:
        apply(body)

    template.refresh_from_db()
    assert (template.status, template.quality) == ("PAUSED", "RED")
    assert PhoneNumber.objects.get().quality == "FLAGGED"
    assert Alert.objects.filter(rule="account_notice", closed_at=None).count() == 1


def test_an_older_category_neither_wins_nor_closes_the_alert(template):
    apply(told(CATEGORY, NOW, new_category="MARKETING"))
    apply(told(CATEGORY, NOW - timedelta(days=1), new_category="UTILITY"))

    template.refresh_from_db()
    assert template.category == "MARKETING"
    assert Alert.objects.get().closed_at is None


def test_a_category_that_stays_takes_its_announcement_back(template):
    hour = timedelta(hours=1)
    apply(
        told(CATEGORY, NOW - hour, new_category="UTILITY", correct_category="MARKETING"),
    )
    assert Alert.objects.get().closed_at is None

    apply(told(CATEGORY, NOW, new_category="UTILITY"))

    assert Alert.objects.get().closed_at is not None


@pytest.mark.parametrize("turned", [True, False])
def test_a_number_that_was_flagged_is_what_it_was_before(template, turned):
    flags = [
        told(NUMBERS, NOW - timedelta(hours=1), **NUMBER, event="FLAGGED"),
        told(NUMBERS, NOW, **NUMBER, event="UNFLAGGED"),
    ]
    for body in reversed(flags) if turned else flags:
        apply(body)

    assert PhoneNumber.objects.get().quality == "HIGH"


def test_an_older_limit_is_not_told(template):
    apply(told(LIMIT, NOW, max_daily_conversations_per_business=100_000))
    apply(told(LIMIT, NOW - timedelta(days=2), max_daily_conversations_per_business=2000))

    alert = Alert.objects.get()
    assert (alert.scope, alert.closed_at) == ("100000", None)


def test_an_older_restriction_does_not_come_back_after_it_was_lifted(template):
    apply(told(ACCOUNT, NOW, **restriction(f"{ABUSE}_UNBAN")))
    apply(told(ACCOUNT, NOW - timedelta(hours=1), **restriction(ABUSE)))

    assert not Alert.objects.exists()
