"""What pages and API keep is as new as the tables, whichever way these were written."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.urls import reverse

from distribution.cached import audience, watched_tables
from distribution.models import Content, DailySignals, TableStamp
from distribution.reporting import number_figures
from subscribers.models import Subscriber
from tests.api.tokens import a_key, a_program
from tests.builders import a_draft, a_number, a_subscriber, a_template, some_subscribers
from tests.distribution.staff import a_client
from tests.shown_forms import confirm_rows
from tests.subscribers.imports import run
from tests.webhooks.posts import apply, notice, pool_number, text_message

pytestmark = [pytest.mark.django_db, pytest.mark.each_database]
NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
PHONE = "+919812345601"


def shown() -> tuple[int, dict[str, int], list[tuple[str, int]], dict[str, int], int]:
    """All that is kept of the audience."""
    return (
        audience.total(),
        dict(audience.by_tier()),
        [(one.language, one.people) for one in audience.languages()],
        {name: audience.coverage(1000).percent(name) for name in audience.coverage(1000).by_name},
        sum(one.count for one in audience.by_market()),
    )


def test_the_audience_is_counted_anew_after_a_write_of_any_kind():
    assert shown() == (0, {}, [], {}, 0)
    person = a_subscriber(phone=PHONE, attributes={"city": "Pune"})
    some_subscribers(1, tier="PRO", language="hi")
    one_of_each = (2, {"BASIC": 1, "PRO": 1}, [("en", 1), ("hi", 1)], {"city": 50}, 2)
    assert shown() == one_of_each

    imported = "phone,tier,city\n9812345602,PREMIUM,Goa\n9812345603,PREMIUM,Goa\n"
    run(imported)
    tiers = {"BASIC": 1, "PREMIUM": 2, "PRO": 1}
    of_import = (4, tiers, [("en", 3), ("hi", 1)], {"city": 75}, 4)
    assert shown() == of_import
    run(imported)  # again, without a change
    assert shown() == of_import

    added = {"phone": "98123 45604", "tier": "PRO", "consent_source": "Form of June"}
    where = "/api/distribution/subscribers/add"
    assert a_program("subscribers").post(where, added, headers=a_key()).status_code == 201
    assert shown()[:2] == (5, {**tiers, "PRO": 2})

    chosen = {"action": "pause", "_selected_action": [person.pk]}
    people = reverse("admin:subscribers_subscriber_changelist")
    confirm_rows(a_client("Administrator"), people, chosen, reason="he rang")
    assert shown()[:2] == (4, {"PREMIUM": 2, "PRO": 2})

    pool_number()
    apply(text_message("+919812345602", "STOP", at=NOW), now=NOW)
    assert shown()[1] == {"PREMIUM": 1, "PRO": 2}

    Subscriber.objects.filter(phone="+919812345603").update(language="mr")
    assert ("mr", 1) in shown()[2]
    with connection.cursor() as cursor:  # as a person with psql
        cursor.execute("UPDATE subscribers_subscriber SET status = 'PAUSED' WHERE tier = 'PRO'")
    assert shown()[:2] == (1, {"PREMIUM": 1})


def test_nothing_of_a_write_that_was_rolled_back_is_kept():
    person = a_subscriber()
    for status in ("PAUSED", "INVALID"):  # SQLite numbers the second stamp as the first
        with transaction.atomic():
            Subscriber.objects.filter(pk=person.pk).update(status=status)
            assert audience.total() == 0  # as this transaction sees it
            transaction.set_rollback(True)
        assert audience.total() == 1
    with transaction.atomic():
        Subscriber.objects.filter(pk=person.pk).update(status="PAUSED")
    assert audience.total() == 0


def test_it_is_read_from_memory_until_then_unless_the_setting_is_0(
    settings, django_assert_num_queries
):
    a_subscriber()
    audience.total()
    with django_assert_num_queries(1) as asked:
        assert audience.total() == 1
    assert watched_tables.STAMPS in asked[0]["sql"]
    settings.CACHE_AUDIENCE_SECONDS = 0
    with django_assert_num_queries(1) as asked:
        assert audience.total() == 1
    assert "subscribers_subscriber" in asked[0]["sql"]


def test_templates_and_contents_of_the_api_follow_webhooks_decisions_and_renamed_people():
    template, api = a_template(name="morning", meta_id="77"), a_program("read", "content")
    content = a_draft(message_template=template, day=date(2026, 12, 1), title="First")
    list_of, one = "/api/distribution/content", f"/api/distribution/content/{content.pk}"

    def seen() -> tuple[str, str, str, str]:
        (row,) = api.get("/api/distribution/templates").json()["results"]
        (listed,) = api.get(list_of).json()["results"]
        body = api.get(one).json()
        assert {**body, **listed} == body
        return row["status"], listed["title"], body["state"], body["author"]

    assert seen() == seen() == ("APPROVED", "First", "DRAFT", content.author.username)
    told = {"message_template_id": 77, "message_template_name": "morning"}
    kind = "message_template_status_update"
    apply(notice(kind, NOW, event="PAUSED", message_template_language="en", **told), now=NOW)
    Content.objects.filter(pk=content.pk).update(title="Second", state="SUBMITTED")
    get_user_model().objects.filter(pk=content.author_id).update(username="renamed")
    assert seen() == ("PAUSED", "Second", "SUBMITTED", "renamed")
    content.delete()
    assert api.get(one).status_code == 404


def test_figures_of_a_number_are_those_of_its_signals():
    number, template = a_number(), a_template()
    today = date(2026, 11, 23)
    assert number_figures.shown(number.pk, today=today).read_share is None
    counts = dict.fromkeys(("stop_words", "stops", "refusals", "silent", "held"), 0)
    morning = DailySignals.objects.create(
        day=today - timedelta(days=1), template=template, number=number,
        sent=100, delivered=100, read=50, counted_at=NOW, **counts,
    )  # fmt: skip
    assert number_figures.shown(number.pk, today=today).read_share == 0.5
    DailySignals.objects.filter(pk=morning.pk).update(read=80)
    assert number_figures.shown(number.pk, today=today).read_share == 0.8


def test_a_stamp_stays_when_older_ones_are_forgotten_and_triggers_are_made_again():
    for _ in range(3):
        a_subscriber()
    watched_tables.forget_old()
    assert TableStamp.objects.filter(name="subscribers_subscriber").count() == 1
    if connection.vendor == "sqlite":  # as when a later migration has rebuilt the table
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER subscribers_subscriber_stamp_insert")
    watched_tables.watch()
    assert audience.total() == 3
    a_subscriber()
    assert audience.total() == 4
