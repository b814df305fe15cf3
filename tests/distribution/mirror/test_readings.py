"""What our regular reading sees first alerts and pauses as a notice would, and only once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from distribution.mirror import number_sync, template_sync
from distribution.models import Alert, DistributionState, MessageTemplate
from phonepool.cloud_api.client import PhoneNumberFacts, TemplateFacts
from phonepool.errors import NO_ANSWER
from phonepool.exceptions import Unanswered
from phonepool.models import NumberState, PhoneNumber, Portfolio, Quality, Role
from tests.builders import a_number, a_template, a_waba, an_approved_content
from tests.webhooks.posts import apply, in_flight, notice, pool_number

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India
LATER = NOW + timedelta(minutes=1)
BODY = ({"type": "BODY", "text": "Hello {{1}}, {{2}}"},)
CATEGORY = "template_category_update"
NAMED = {
    "message_template_id": 900000000000001,
    "message_template_name": "daily_update",
    "message_template_language": "en",
}


class Meta:
    """What Meta would list, by account, and say of each number; what it lacks is unreadable."""

    def __init__(self) -> None:
        self.templates: dict[str, list[TemplateFacts]] = {}
        self.numbers: dict[str, tuple[str, str, str]] = {}

    def message_templates(self, account: str) -> list[TemplateFacts]:
        if account not in self.templates:
            raise Unanswered(NO_ANSWER)
        return self.templates[account]

    def phone_numbers(self, account: str) -> list[PhoneNumberFacts]:
        raise Unanswered(NO_ANSWER)

    def phone_number(self, meta_id: str) -> PhoneNumberFacts:
        return PhoneNumberFacts(meta_id, *self.numbers[meta_id])


def facts(**other: Any) -> TemplateFacts:
    known = {"id": "900000000000001", "name": "daily_update", "language": "en"}
    known |= {"category": "UTILITY", "status": "APPROVED", "quality": "GREEN", "components": BODY}
    return TemplateFacts(**known | other)


@pytest.fixture
def meta() -> Meta:
    return Meta()


def read(meta: Meta, *seen: TemplateFacts, account: str = "", at=NOW) -> None:
    meta.templates[account] = list(seen)
    template_sync.sync(meta, now=at)


def ours(**fields: Any) -> MessageTemplate:
    given = {"name": "daily_update", "meta_id": "900000000000001", "components": list(BODY)}
    return a_template(**given | {"category": "UTILITY"} | fields)


def alerts() -> list[tuple[str, bool]]:
    """The rules of all alerts ever raised, and whether each is open."""
    return [(alert.rule, alert.closed_at is None) for alert in Alert.objects.order_by("pk")]


# --- message templates --------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["PAUSED", "REJECTED", "DISABLED", "IN_APPEAL"])
def test_a_template_that_a_reading_finds_unusable_pauses_what_sends_it_once(meta, status):
    content = an_approved_content(message_template=ours())
    distribution, _ = in_flight(2, now=NOW, content=content)

    read(meta, facts(status=status))

    distribution.refresh_from_db()
    assert distribution.state == DistributionState.PAUSED
    assert status in distribution.state_reason
    assert alerts() == [("distribution_paused", True)]
    apply(notice("message_template_status_update", NOW, event=status, **NAMED), now=LATER)
    assert alerts() == [("distribution_paused", True)]


@pytest.mark.parametrize("later_notice", [NOW - timedelta(seconds=20), LATER])
def test_a_category_that_a_reading_finds_changed_alerts_once(meta, later_notice):
    ours()

    read(meta, facts(category="MARKETING"))

    assert alerts() == [("template_category", True)]
    assert "was UTILITY and is now MARKETING" in Alert.objects.get().message
    apply(notice(CATEGORY, later_notice, new_category="MARKETING", **NAMED), now=LATER)
    read(meta, facts(category="MARKETING"), at=LATER)
    assert alerts() == [("template_category", True)]


def test_an_announced_category_that_a_reading_finds_alerts_once(meta):
    ours()

    read(meta, facts(correct_category="MARKETING"))

    assert "was UTILITY and will be MARKETING" in Alert.objects.get().message
    words = {"new_category": "UTILITY", "correct_category": "MARKETING"}
    apply(notice(CATEGORY, NOW, **words, **NAMED), now=LATER)
    read(meta, facts(correct_category="MARKETING"), at=LATER)
    assert alerts() == [("template_category", True)]

    read(meta, facts(correct_category="UTILITY"), at=LATER)
    assert alerts() == [("template_category", False)]


def test_a_category_announced_before_we_knew_the_template_alerts(meta):
    read(meta, facts(correct_category="MARKETING"))

    assert alerts() == [("template_category", True)]


def test_the_other_facts_of_a_template_are_kept(meta):
    """G7."""
    read(meta, facts(sub_category="CUSTOM", send_ttl_seconds=3600, source="AUTO_GENERATED"))

    template = MessageTemplate.objects.get()
    assert (template.sub_category, template.send_ttl_seconds) == ("CUSTOM", 3600)
    assert template.source == "AUTO_GENERATED"


def test_a_reading_that_is_older_than_a_notice_changes_nothing_of_it(meta):
    template = ours()
    apply(
        notice("message_template_status_update", LATER, event="PAUSED", **NAMED),
        notice("message_template_quality_update", LATER, new_quality_score="RED", **NAMED),
        notice(CATEGORY, LATER, new_category="MARKETING", **NAMED),
        now=LATER,
    )

    read(meta, facts())

    template.refresh_from_db()
    assert (template.status, template.quality, template.category) == ("PAUSED", "RED", "MARKETING")
    assert alerts() == [("template_category", True)]


# --- what Meta lists no more --------------------------------------------------------------------


def test_a_template_that_is_listed_no_more_is_not_approved(meta):
    template = ours()
    content = an_approved_content(message_template=template)
    distribution, _ = in_flight(1, now=NOW, content=content)

    read(meta, facts(name="another", id="2"))

    template.refresh_from_db()
    distribution.refresh_from_db()
    assert (template.status, template.status_reason) == ("OTHER", template_sync.NOT_LISTED)
    assert distribution.state == DistributionState.PAUSED


def test_a_template_of_an_account_that_could_not_be_read_stays_as_it_is(meta):
    other = Portfolio.objects.create(business_id="901", name="Second")
    first, second = a_waba("1"), a_waba("2", portfolio=other)
    mine, theirs = ours(waba=first), ours(waba=second, meta_id="2")
    meta.templates = {"1": []}  # the second account is not readable

    with pytest.raises(Unanswered):
        template_sync.sync(meta, now=NOW)

    mine.refresh_from_db()
    theirs.refresh_from_db()
    assert (mine.status, theirs.status) == ("OTHER", "APPROVED")


def test_a_template_that_is_listed_again_is_approved_again(meta):
    template = ours()
    read(meta)
    read(meta, facts(), at=LATER)

    template.refresh_from_db()
    assert (template.status, template.status_reason) == ("APPROVED", "")


# --- phone numbers and limits -------------------------------------------------------------------


def told(meta: Meta, number: PhoneNumber, status="CONNECTED", rating="GREEN", limit="") -> None:
    meta.numbers[number.meta_id] = (status, rating, limit)


def test_a_number_that_a_reading_finds_flagged_wakes_a_backup_at_once(meta):
    number = pool_number()
    in_flight(50, now=NOW)
    backup = a_number(role=Role.BACKUP, state=NumberState.STANDBY)
    told(meta, number, "FLAGGED", "RED")
    told(meta, backup)

    number_sync.sync(meta, now=NOW)

    backup.refresh_from_db()
    assert backup.state == NumberState.ACTIVE


def test_a_number_is_unflagged_to_the_rating_that_was_read_last(meta):
    number = pool_number()
    told(meta, number, "FLAGGED", "YELLOW")
    number_sync.sync(meta, now=NOW)

    shown = {"display_phone_number": "919800000001", "event": "UNFLAGGED"}
    apply(notice("phone_number_quality_update", LATER, **shown), now=LATER)

    number.refresh_from_db()
    assert (number.state, number.quality) == (NumberState.ACTIVE, Quality.MEDIUM)


def test_a_limit_that_is_read_is_recorded_and_alerts_once(meta):
    number = pool_number()
    Portfolio.objects.update(recipient_limit=10_000)
    told(meta, number, limit="TIER_2K")

    number_sync.sync(meta, now=NOW)

    assert Portfolio.objects.get().recipient_limit == 2000
    assert alerts() == [("limit_changed", True)]
    assert "message 2,000 people in 24 hours (before: 10,000 people)" in Alert.objects.get().message
    words = {"max_daily_conversations_per_business": 2000}
    apply(notice("business_capability_update", NOW - timedelta(seconds=5), **words), now=LATER)
    number_sync.sync(meta, now=LATER)
    assert len(alerts()) == 1


def test_each_portfolio_has_the_limit_that_its_own_numbers_tell(meta):
    other = Portfolio.objects.create(business_id="901", name="Second")
    first, second = pool_number(), a_number(portfolio=other)
    told(meta, first, limit="TIER_100K")
    told(meta, second, limit="TIER_250")

    number_sync.sync(meta, now=NOW)

    limits = dict(Portfolio.objects.values_list("pk", "recipient_limit"))
    assert limits == {first.portfolio_id: 100_000, second.portfolio_id: 250}


def test_a_limit_that_cannot_be_read_is_never_the_old_one_in_silence(meta):
    number = pool_number()
    Portfolio.objects.update(recipient_limit=10_000)
    told(meta, number, limit="TIER_MANY")
    number_sync.sync(meta, now=NOW)

    assert "that Daybreak can't read: TIER_MANY" in Alert.objects.get().message

    told(meta, number, limit="TIER_10K")
    number_sync.sync(meta, now=LATER)
    assert alerts() == [("limit_changed", False)]


@pytest.mark.parametrize("word", ["UNTIERED", "TIER_NOT_SET"])
def test_a_limit_of_which_meta_has_no_figure_is_not_kept_and_that_is_told(meta, word):
    number = pool_number()
    Portfolio.objects.update(recipient_limit=10_000)
    told(meta, number, limit=word)
    number_sync.sync(meta, now=NOW)

    assert Portfolio.objects.get().recipient_limit is None
    message = Alert.objects.get().message
    assert "an unnamed number of people in 24 hours (before: 10,000 people)" in message
