"""Meta posts the notices of all accounts of an app to one address: whose is each?"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from distribution.models import Alert, DistributionState, MessageTemplate
from phonepool.models import PhoneNumber, Portfolio, Quality, Waba
from tests.builders import a_number, a_template, a_waba, an_approved_content
from tests.webhooks.posts import apply, encode, in_flight, notice, pool_number, post
from webhooks.models import WebhookEvent

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India
OURS, OTHER, SECOND = "102290129340398", "999999999999999", "102290129340399"
pytestmark = pytest.mark.django_db


def of(account: str, field: str, at=NOW, **value) -> bytes:
    """A notice in the name of an account."""
    body = json.loads(notice(field, at, **value))
    body["entry"][0]["id"] = account
    return encode(body)


def paused(account: str, template_id: int = 777000777000777) -> bytes:
    return of(
        account,
        "message_template_status_update",
        event="PAUSED",
        message_template_id=template_id,
        message_template_name="daily_update",
        message_template_language="en",
        reason="NONE",
    )


def ours(**fields) -> MessageTemplate:
    return a_template(**{"name": "daily_update", "meta_id": "900000000000001", **fields})


def state(template: MessageTemplate) -> tuple[str, str, str]:
    template.refresh_from_db()
    return template.status, template.quality, template.category


@pytest.fixture(params=["setting", "row"])
def known(request, settings, db) -> None:
    """Our account is known by the setting alone, or by its row."""
    if request.param == "setting":
        settings.WHATSAPP_BUSINESS_ID = OURS
    else:
        a_waba(OURS)


def test_a_paused_template_of_another_account_pauses_nothing_here(known, client):
    """Case A1, over HTTP and in mid-run."""
    template = ours()
    distribution, _ = in_flight(3, now=NOW, content=an_approved_content(message_template=template))

    assert post(client, paused(OTHER)).status_code == 200
    apply(now=NOW)

    distribution.refresh_from_db()
    assert distribution.state == DistributionState.SENDING
    assert state(template)[0] == "APPROVED"
    assert WebhookEvent.objects.get().parked == 1
    assert WebhookEvent.objects.get().processed_at is not None


def test_where_both_ids_are_known_only_the_id_decides(known):
    """Case A1: the same name in our own account, but another template."""
    template = ours()

    apply(paused(OURS))
    assert state(template)[0] == "APPROVED"
    apply(paused(OURS, template_id=900000000000001))
    assert state(template)[0] == "PAUSED"


def test_a_template_whose_id_we_do_not_know_yet_is_found_by_its_name(known):
    template = ours(meta_id="")

    apply(paused(OURS))

    assert state(template)[0] == "PAUSED"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("message_template_status_update", {"event": "DISABLED"}),
        ("message_template_quality_update", {"new_quality_score": "RED"}),
        ("template_category_update", {"new_category": "MARKETING"}),
        (
            "template_category_update",
            {"new_category": "UTILITY", "correct_category": "MARKETING"},
        ),
        ("message_template_components_update", {}),
        ("phone_number_quality_update", {"event": "FLAGGED", "current_limit": "TIER_50"}),
        ("business_capability_update", {"max_daily_conversations_per_business": 250}),
        ("account_update", {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE"}}),
        ("account_update", {"event": "PARTNER_REMOVED"}),
        ("account_review_update", {"decision": "REJECTED"}),
    ],
)
def test_no_notice_of_another_account_changes_anything_here(known, field, value):
    """Siblings of case A1."""
    template = ours(quality="GREEN", category="UTILITY")
    number = pool_number()
    Portfolio.objects.update(recipient_limit=2000)
    named = {
        "message_template_id": 900000000000001,
        "message_template_name": "daily_update",
        "message_template_language": "en",
        "display_phone_number": "919800000001",
    }

    apply(of(OTHER, field, **named, **value))

    number.refresh_from_db()
    assert state(template) == ("APPROVED", "GREEN", "UTILITY")
    assert (number.quality, number.portfolio.recipient_limit) == (Quality.HIGH, 2000)
    assert not Alert.objects.exists()
    assert WebhookEvent.objects.get().parked >= 1


def test_while_no_account_is_known_none_is_foreign():
    template = ours(meta_id="")

    apply(paused(OTHER))

    assert state(template)[0] == "PAUSED"


def test_a_partner_event_is_about_the_account_that_it_names(known):
    """`entry.id` may be another account than the one concerned."""
    pool_number()
    event = {"event": "PARTNER_REMOVED"}

    apply(of(OURS, "account_update", **event, waba_info={"waba_id": OTHER}))
    assert not Alert.objects.exists()
    apply(of(OTHER, "account_update", **event, waba_info={"waba_id": OURS}))

    assert Alert.objects.get().rule == "account_notice"


# --- two accounts of ours -------------------------------------------------------------------------


@pytest.fixture
def two(settings, db) -> tuple[Waba, Waba]:
    """Two accounts in two portfolios, with a number each."""
    settings.WHATSAPP_BUSINESS_ID = OURS
    other = Portfolio.objects.create(business_id="901", name="Second", recipient_limit=2000)
    first, second = a_waba(OURS, name="first"), a_waba(SECOND, portfolio=other, name="second")
    Portfolio.objects.filter(pk=first.portfolio_id).update(recipient_limit=10_000)
    pool_number(waba=first)
    a_number(portfolio=other, waba=second, display_number="+91 98000 00002")
    return first, second


def test_a_limit_is_that_of_the_portfolio_of_its_account(two):
    apply(of(SECOND, "business_capability_update", max_daily_conversations_per_business=250))

    alert = Alert.objects.get()
    assert "Second can message 250 people" in alert.message
    assert "Daybreak has 2,000 people" in alert.message

    apply(of(OURS, "business_capability_update", max_daily_conversations_per_business=10_000))
    assert Alert.objects.filter(closed_at=None).get() == alert


def test_two_accounts_may_have_a_template_of_one_name(two):
    mine, theirs = (a_template(name="daily_update", waba=waba) for waba in two)

    apply(paused(SECOND))

    assert (state(mine)[0], state(theirs)[0]) == ("APPROVED", "PAUSED")


def test_a_number_is_looked_for_in_its_account_only(two):
    apply(
        of(
            OURS,
            "phone_number_quality_update",
            event="FLAGGED",
            display_phone_number="919800000002",
        )
    )
    assert not PhoneNumber.objects.filter(quality=Quality.FLAGGED).exists()

    apply(
        of(
            SECOND,
            "phone_number_quality_update",
            event="FLAGGED",
            display_phone_number="919800000002",
        )
    )
    assert PhoneNumber.objects.get(quality=Quality.FLAGGED).waba == two[1]


def test_an_alert_names_the_account_and_ends_with_its_own_reinstatement(two):
    ban = {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE"}}
    apply(of(OURS, "account_update", **ban), of(SECOND, "account_update", **ban))
    assert Alert.objects.filter(closed_at=None).count() == 2

    lift = {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "REINSTATE"}}
    apply(of(SECOND, "account_update", NOW + timedelta(seconds=5), **lift))

    assert "of account first" in Alert.objects.get(closed_at=None).message


def test_a_template_lost_in_one_account_leaves_the_distribution_to_the_other(two):
    body = [{"type": "BODY", "text": "Hello {{1}}, {{2}}"}]
    mine, _ = (a_template(name="daily_update", waba=waba, components=body) for waba in two)
    distribution, _ = in_flight(1, now=NOW, content=an_approved_content(message_template=mine))

    apply(paused(SECOND))
    distribution.refresh_from_db()
    assert distribution.state == DistributionState.SENDING

    apply(paused(OURS))
    distribution.refresh_from_db()
    assert distribution.state == DistributionState.PAUSED


@pytest.mark.parametrize("frame", [{}, {"metadata": {}}, {"metadata": {"phone_number_id": ""}}])
@pytest.mark.parametrize(("account", "is_paused"), [(OTHER, False), (OURS, True)])
def test_an_error_of_no_number_is_its_accounts(known, account, is_paused, frame):
    """Such an error of another system's account paused everything that was sending here."""
    distribution, _ = in_flight(2, now=NOW)
    body = json.loads(of(account, "messages", **frame, errors=[{"code": 131031, "title": "…"}]))

    apply(encode(body), now=NOW)

    distribution.refresh_from_db()
    assert (distribution.state == DistributionState.PAUSED) == is_paused


def test_an_error_of_a_second_account_pauses_what_its_portfolio_sends(known):
    a_waba(SECOND, portfolio=Portfolio.objects.create(business_id="902"))
    distribution, _ = in_flight(2, now=NOW)

    apply(of(SECOND, "messages", errors=[{"code": 131031, "title": "…"}]), now=NOW)

    distribution.refresh_from_db()
    assert distribution.state == DistributionState.SENDING
