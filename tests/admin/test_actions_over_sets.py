"""An action on chosen rows is done on exactly those that its page displayed (cases P11, P12)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from distribution import tasks
from distribution.access import tokens
from distribution.models import (
    Alert,
    ApiToken,
    EventSubscription,
    Kind,
    OneTime,
    Severity,
)
from phonepool.models import PhoneNumber
from subscribers.models import ShownSet, Status, Subscriber
from tests import builders
from tests.admin.test_many_rows import know_the_sizes, multiply
from tests.distribution.staff import a_member
from tests.shown_forms import confirm_rows, marks_of
from webhooks.models import WebhookEvent

pytestmark = pytest.mark.django_db
CHANGED = "This changed since you opened it"
ALL = {"select_across": "1", "_selected_action": ["0"]}
MANY = 100_000


@pytest.fixture
def boss() -> Client:
    client = Client()
    user = get_user_model().objects.create_superuser("boss")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def listed(model: str, query: str = "") -> str:
    return reverse(f"admin:{model}_changelist") + query


def a_token(name: str = "crm") -> ApiToken:
    user, now = a_member("Viewer"), timezone.now()
    return tokens.issue(name, ["read"], user=user, by=user, expires_at=None, now=now)[0]


def an_alert(scope: str) -> Alert:
    facts = {"severity": Severity.CRITICAL, "message": f"About {scope}", "scope": scope}
    return Alert.objects.create(rule="no_content", opened_at=timezone.now(), **facts)


def a_one_time(days: int) -> OneTime:
    at = timezone.now() + timedelta(days=days)
    return OneTime.objects.get(pk=builders.a_planned_distribution(at, kind=Kind.ONE_TIME).pk)


def a_dead_webhook() -> WebhookEvent:
    now, digest = timezone.now(), f"{WebhookEvent.objects.count():064d}"
    facts: dict[str, Any] = {"body": b"{}", "digest": digest, "secret_no": 0, "received_at": now}
    return WebhookEvent.objects.create(dead_at=now, **facts)


def revoked() -> int:
    return ApiToken.objects.exclude(revoked_at=None).count()


def acknowledged() -> int:
    return Alert.objects.exclude(acknowledged_at=None).count()


def cancelled() -> int:
    return OneTime.objects.filter(state="CANCELLED").count()


def tried_again() -> int:
    return WebhookEvent.objects.filter(dead_at=None).count()


def paused() -> int:
    return Subscriber.objects.filter(status=Status.PAUSED).count()


# By action: its list, how a row is made, and how many rows it was done on.
BULK: dict[str, tuple[str, Any, Any]] = {
    "revoke": ("distribution_apitoken", lambda n: a_token(f"crm {n}"), revoked),
    "acknowledge": ("distribution_alert", lambda n: an_alert(f"scope {n}"), acknowledged),
    "cancel": ("distribution_onetime", lambda n: a_one_time(n + 1), cancelled),
    "reprocess": ("webhooks_webhookevent", lambda _: a_dead_webhook(), tried_again),
    "pause": (
        "subscribers_subscriber",
        lambda n: builders.a_subscriber(phone=f"+9198765432{n:02}", name=f"Person {n}"),
        paused,
    ),
}


@pytest.mark.parametrize("action", BULK)
def test_a_row_that_joined_meanwhile_is_told_and_nothing_is_done(boss, action):
    model, make, done = BULK[action]
    for n in range(3):
        make(n)
    chosen = {"action": action, **ALL}
    form = {**chosen, **marks_of(boss.post(listed(model), chosen)), "confirmed": "yes"}
    make(4)

    response = boss.post(listed(model), {**form, "reason": "all of them"})

    shown = response.content.decode()
    assert (response.status_code, done()) == (409, 0)
    assert CHANGED in shown
    assert "1 added" in shown
    assert 'value="all of them"' in shown or action == "acknowledge"  # it asks for no reason

    again = {**form, **marks_of(response), "reason": "all of them"}
    assert boss.post(listed(model), again).status_code == 302
    assert done() == 4


@pytest.mark.parametrize("action", BULK)
def test_a_row_that_was_dealt_with_meanwhile_is_told_and_nothing_is_done(boss, action):
    model, make, done = BULK[action]
    rows = [make(n) for n in range(3)]
    chosen = {"action": action, **ALL}
    form = {**chosen, **marks_of(boss.post(listed(model), chosen)), "confirmed": "yes"}
    type(rows[0])._default_manager.filter(pk=rows[0].pk).update(
        **{
            "revoke": {"revoked_at": timezone.now()},
            "acknowledge": {"closed_at": timezone.now()},
            "cancel": {"state": "MISSED"},
            "reprocess": {"dead_at": None},
            "pause": {"status": Status.UNSUBSCRIBED},
        }[action]
    )
    before = done()

    response = boss.post(listed(model), {**form, "reason": "all of them"})

    shown = response.content.decode()
    assert (response.status_code, done()) == (409, before)
    assert ("1 changed" if action == "pause" else "1 gone") in shown


def test_a_second_click_does_nothing_again_and_says_so(boss):
    for n in range(3):
        a_token(f"crm {n}")
    chosen = {"action": "revoke", **ALL}
    address = listed("distribution_apitoken")
    form = {**chosen, **marks_of(boss.post(address, chosen)), "confirmed": "yes", "reason": "x"}

    answers = [boss.post(address, form, follow=True).content.decode() for _ in range(2)]

    assert "Tokens revoked: 3." in answers[0]
    assert "Nothing was done twice" in answers[1]
    assert revoked() == 3


def test_ticked_rows_are_named_and_their_change_is_told(boss):
    person = builders.a_subscriber(name="Asha")
    chosen = {"action": "opt_out", "_selected_action": [person.pk]}
    address = listed("subscribers_subscriber")
    form = {**chosen, **marks_of(boss.post(address, chosen)), "confirmed": "yes", "reason": "x"}
    Subscriber.objects.filter(pk=person.pk).update(status=Status.PAUSED)

    shown = boss.post(address, form).content.decode()

    assert CHANGED in shown
    assert "1 changed" in shown
    assert "Asha" in shown
    person.refresh_from_db()
    assert person.status == Status.PAUSED


def test_a_filter_of_the_list_is_part_of_the_set(boss):
    builders.a_subscriber(tier="PREMIUM")
    other = builders.a_subscriber(tier="PRO")
    address = listed("subscribers_subscriber", "?tier__exact=PREMIUM")
    confirm_rows(boss, address, {"action": "pause", **ALL}, reason="x")

    other.refresh_from_db()
    assert (paused(), other.status) == (1, Status.ACTIVE)


def test_ticked_alerts_are_acknowledged_at_once_and_no_other(boss):
    one, _other = an_alert("a"), an_alert("b")
    chosen = {"action": "acknowledge", "_selected_action": [one.pk]}

    assert boss.post(listed("distribution_alert"), chosen).status_code == 302
    one.refresh_from_db()
    assert acknowledged() == 1
    assert one.acknowledged_at is not None


def test_a_form_that_names_no_set_does_nothing(boss):
    a_token()
    form = {"action": "revoke", **ALL, "confirmed": "yes", "reason": "x"}

    assert boss.post(listed("distribution_apitoken"), form).status_code == 409
    assert revoked() == 0


def test_a_set_of_another_list_or_action_is_no_set_of_this_one(boss):
    builders.a_subscriber()
    address = listed("subscribers_subscriber")
    marks = marks_of(boss.post(address, {"action": "pause", **ALL}))

    form = {"action": "opt_out", **ALL, **marks, "confirmed": "yes", "reason": "x"}
    assert boss.post(address, form).status_code == 409
    assert Subscriber.objects.get().status == Status.ACTIVE


def test_where_nothing_is_left_to_do_no_page_asks(boss):
    token = a_token()
    tokens.revoke(token.pk, now=timezone.now())

    response = boss.post(listed("distribution_apitoken"), {"action": "revoke", **ALL}, follow=True)

    assert "Nothing was done" in response.content.decode()


def test_a_new_secret_is_given_once_however_often_it_is_clicked(boss):
    row = EventSubscription.objects.create(name="CRM", url="https://8.8.8.8/a")
    first = row.secret
    chosen = {"action": "change_secret", "_selected_action": [row.pk]}
    address = listed("distribution_eventsubscription")
    form = {**chosen, **marks_of(boss.post(address, chosen)), "confirmed": "yes"}

    for _ in range(3):
        boss.post(address, form)

    row.refresh_from_db()
    assert row.former_secret == first


def test_a_number_that_was_changed_meanwhile_is_told(boss):
    builders.a_number()
    number = builders.a_number(label="backup-9", role="BACKUP", state="STANDBY")
    address = reverse("admin:phonepool_phonenumber_disable", args=[number.pk])
    form = {**marks_of(boss.get(address)), "reason": "x"}
    PhoneNumber.objects.filter(pk=number.pk).update(role="PRIMARY", state="ACTIVE")

    response = boss.post(address, form)

    number.refresh_from_db()
    assert (response.status_code, number.state) == (409, "ACTIVE")
    for part in (CHANGED, "Backup", "Primary"):
        assert part in response.content.decode(), part


def test_a_second_click_on_a_persons_button_is_no_refusal(boss):
    person = builders.a_subscriber()
    address = reverse("admin:subscribers_subscriber_erase_person", args=[person.pk])
    form = {**marks_of(boss.get(address)), "reason": "she wrote"}

    first, second = (boss.post(address, form) for _ in range(2))

    assert (first.status_code, second.status_code) == (302, 302)


def test_sets_are_forgotten_after_a_day(boss):
    a_token()
    boss.post(listed("distribution_apitoken"), {"action": "revoke", **ALL})
    assert ShownSet.objects.count() == 1

    ShownSet.objects.update(created_at=timezone.now() - timedelta(days=2))
    tasks.forget_answers()
    assert not ShownSet.objects.exists()


@pytest.mark.timeout(300)
@pytest.mark.slow
@pytest.mark.parametrize(
    ("action", "different"),
    [
        ("pause", {"phone": "'+91' || CAST(7000000000 + n AS text)"}),
        ("reprocess", {"digest": "CAST(n AS text)"}),
    ],
)
def test_a_hundred_thousand_rows_need_no_more_queries_and_no_larger_form(boss, action, different):
    model, make, done = BULK[action]
    row = make(1)
    address, chosen = listed(model), {"action": action, **ALL}
    with CaptureQueriesContext(connection) as few:
        small = boss.post(address, chosen)
    multiply(type(row), MANY, different)
    know_the_sizes()

    with CaptureQueriesContext(connection) as many:
        asked = boss.post(address, chosen)
    form = {**chosen, **marks_of(asked), "confirmed": "yes", "reason": "all"}

    assert len(many) == len(few)
    assert len(asked.content) < len(small.content) + 5_000
    assert boss.post(address, form).status_code == 302
    assert done() == MANY + 1
