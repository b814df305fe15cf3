"""People and phone numbers in the admin, over HTTP, as each role."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from distribution.models import Delivery
from phonepool.models import PhoneEvent, PhoneNumber
from subscribers.models import ConsentEvent
from tests.builders import (
    a_number,
    a_planned_distribution,
    a_portfolio,
    a_subscriber,
    some_subscribers,
)
from tests.shown_forms import confirm, confirm_rows
from tests.subscribers.roles import ROLES, a_client, log_messages

pytestmark = pytest.mark.django_db

PEOPLE, POOL = "/admin/subscribers/subscriber/", "/admin/phonepool/phonenumber/"
REASON = {"reason": "he rang us", "minutes": "15"}


def url(act, target):
    return reverse(
        f"admin:{target._meta.app_label}_{target._meta.model_name}_{act}", args=[target.pk]
    )


def html(client, path, **query):
    response = client.get(path, query)
    assert response.status_code == 200
    return response.content.decode()


def a_delivered(subscriber, at, **fields):
    return Delivery.objects.create(
        distribution=a_planned_distribution(at),
        subscriber=subscriber,
        phone=subscriber.phone,
        tier="BASIC",
        batch_no=0,
        next_at=at,
        **{
            "state": "ACCEPTED",
            "accepted_at": at,
            "progress": 2,
            "delivered_at": at,
            **fields,
        },
    )


@pytest.mark.parametrize("role", ROLES)
def test_each_role_sees_people_and_numbers_and_only_its_own_buttons(role):
    person, number = a_subscriber(phone="+919812345678"), a_number()
    client = a_client(role)
    may_edit = role in ("Editor", "Operator", "Administrator")
    may_manage = role in ("Operator", "Administrator")
    may_erase = role == "Administrator"

    sees = {PEOPLE: role != "Approver", POOL: role not in ("Editor", "Approver")}
    for address, words, row in ((PEOPLE, "+91******5678", person), (POOL, number.label, number)):
        statuses = {client.get(address).status_code, client.get(url("change", row)).status_code}
        assert statuses == ({200} if sees[address] else {403})
        assert (words in client.get(address).content.decode()) is sees[address]
    if sees[PEOPLE]:
        assert ("+919812345678" in html(client, url("change", person))) is may_manage
    for act, target, may in [
        ("pause_person", person, may_edit),
        ("resume_person", person, may_edit),
        ("opt_out_person", person, may_edit),
        ("erase_person", person, may_erase),
        ("rest", number, may_manage),
        ("disable", number, may_manage),
        ("enable", number, may_manage),
    ]:
        response = confirm(client, url(act, target), **REASON)
        assert response.status_code == (302 if may else 403), act
    assert client.get(reverse("admin:phonepool_phonenumber_sync_now")).status_code == (
        200 if may_manage else 403
    )


def test_a_person_is_paused_and_resumed_on_their_page():
    person, client = a_subscriber(), a_client("Editor")
    page = html(client, url("change", person))
    assert "/pause_person/" in page
    assert "/resume_person/" not in page
    assert "until someone resumes them" in html(client, url("pause_person", person))

    assert confirm(client, url("pause_person", person), reason="On a journey").status_code == 302
    person.refresh_from_db()
    assert person.status == "PAUSED"
    event = ConsentEvent.objects.latest("pk")
    assert (event.kind, event.source) == ("PAUSE", f"admin:{event.actor}")
    assert event.evidence.startswith("On a journey")
    assert "On a journey" in LogEntry.objects.latest("pk").change_message
    page = html(client, url("change", person))
    assert "/resume_person/" in page
    assert "/pause_person/" not in page

    assert confirm(client, url("resume_person", person), reason="Is back").status_code == 302
    person.refresh_from_db()
    assert person.status == "ACTIVE"
    assert "Is back" in LogEntry.objects.latest("pk").change_message


def test_a_button_that_does_not_fit_a_persons_status_is_refused():
    client, gone = a_client("Editor"), a_subscriber(status="UNSUBSCRIBED")
    for act in ("pause_person", "resume_person"):
        assert client.post(url(act, gone), REASON).status_code == 403
    gone.refresh_from_db()
    assert gone.status == "UNSUBSCRIBED"


def test_a_persons_page_tells_every_delivery_in_a_sentence():
    now = timezone.now()
    person = a_subscriber()
    a_delivered(person, now - timedelta(days=2), state="FAILED", reason="undeliverable", progress=0)
    a_delivered(person, now)

    page = html(a_client("Viewer"), url("change", person))

    day = timezone.localtime(now - timedelta(days=2))
    assert f"Not delivered on {day.day} {day:%b}: the number is not on WhatsApp." in page
    assert page.count('class="db-good"') == 1


@pytest.mark.parametrize(
    ("choice", "found"),
    [
        ("today", {"Today"}),
        ("7-days", {"Today", "Lately"}),
        ("30-days-ago", {"Long"}),
        ("never", {"Never"}),
    ],
)
def test_people_are_found_by_their_last_delivery(choice, found):
    now = timezone.now()
    a_delivered(a_subscriber(name="Today"), now)
    a_delivered(a_subscriber(name="Lately"), now - timedelta(days=3))
    a_delivered(a_subscriber(name="Long"), now - timedelta(days=60))
    a_subscriber(name="Never")
    client = a_client("Viewer")

    response = client.get(PEOPLE, {"delivered": choice})

    assert {one.name for one in response.context["cl"].result_list} == found


def test_the_last_four_digits_find_a_person_and_more_do_not_uncover_the_rest():
    a_subscriber(phone="+919812345678", name="Asha")
    client = a_client("Viewer")

    assert "Asha" in html(client, PEOPLE, q="5678")
    assert "Asha" not in html(client, PEOPLE, q="45678")


def test_the_list_asks_the_same_number_of_questions_for_many_people():
    client = a_client("Operator")
    now = timezone.now()

    def asked() -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            html(client, PEOPLE)
        return len(seen)

    a_delivered(a_subscriber(), now)
    few = asked()
    for person in some_subscribers(49):
        a_delivered(person, now)
    some_subscribers(300)

    assert asked() == few


def test_a_person_is_erased_in_two_steps_with_reasons():
    person = a_subscriber(phone="+919812345678", name="Asha")
    client = a_client("Administrator")

    assert "step 1 of 2" in html(client, url("erase_person", person))
    confirm(client, url("erase_person", person), reason="she wrote")
    assert client.post(url("erase_person", person), {"reason": "again"}).status_code == 403
    assert "Marked for erasure by " in html(client, url("change", person))
    assert "step 2 of 2" in html(client, url("purge_person", person))
    confirm(client, url("purge_person", person), reason="she wrote")

    page = html(client, url("change", person))
    assert "Erased on" in page
    assert "Asha" not in page
    acts = [line for line in log_messages() if "read the phone number" not in line]
    assert [("erase" in acts[0]), ("purge" in acts[1])] == [True, True]
    add = {"phone": "9812345678", "tier": "PRO", "language": "hi", "attributes": "{}"}
    add["consent_source"] = "Sign-up form"
    forms = {"consent_events-TOTAL_FORMS": 0, "consent_events-INITIAL_FORMS": 0}
    refused = client.post(reverse("admin:subscribers_subscriber_add"), {**add, **forms})
    assert "asked to be erased" in refused.content.decode()


def test_a_bulk_act_on_all_pages_asks_first_and_then_reaches_everybody():
    some_subscribers(120)
    client = a_client("Operator")
    form = {"action": "pause", "select_across": "1", "_selected_action": ["1"]}

    asked = client.post(PEOPLE, form).content.decode()
    done = confirm_rows(client, PEOPLE, form, follow=True, reason="test")

    assert "You chose 120 people" in asked
    assert "120 paused." in done.content.decode()
    assert '"chosen": 120' in log_messages()[0]


def test_an_act_on_a_number_needs_a_reason_and_is_written_down_twice():
    a_number()
    number = a_number(label="backup-9", role="BACKUP", state="STANDBY")
    client = a_client("Operator")

    assert "Enter a reason" in client.post(url("promote", number), {"reason": ""}).content.decode()
    confirm(client, url("promote", number), reason="primary lost")

    number.refresh_from_db()
    assert (number.role, number.state) == ("PRIMARY", "ACTIVE")
    assert PhoneEvent.objects.get().detail == "operator-1: primary lost"
    assert '"before": {"role": "BACKUP", "state": "STANDBY"' in log_messages()[0]
    page = html(client, url("change", number))
    assert "operator-1: primary lost" in page


def test_the_page_of_a_new_number_shows_its_warm_up_and_an_operator_ends_it_with_a_reason():
    a_number()
    number = a_number(label="new-9", ramp=5, ramp_cause="NEW", ramp_at=timezone.now())
    client = a_client("Operator")

    assert "Warming up: 5% of its speed" in html(client, url("change", number))
    assert "slowed to 2/s · Warming up: 5% of its speed" in html(client, POOL)
    assert "Enter a reason" in client.post(url("skip_ramp", number), {}).content.decode()
    confirm(client, url("skip_ramp", number), reason="sent elsewhere for years")

    number.refresh_from_db()
    assert (number.ramp, number.ramp_cause) == (100, "")
    assert PhoneEvent.objects.get().detail == "operator-1: sent elsewhere for years"
    assert '"ramp": "5%"' in log_messages()[0]
    assert client.get(url("skip_ramp", number)).status_code == 403


def test_the_pool_tells_what_is_left_of_the_portfolios_limit():
    now = timezone.now()
    number = a_number(
        portfolio=a_portfolio(recipient_limit=2), day=timezone.localdate(), day_count=1
    )
    morning = a_delivered(a_subscriber(), now, number=number).distribution
    type(morning).objects.update(window_end=now + timedelta(hours=1))
    some_subscribers(2)

    page = html(a_client("Viewer"), POOL)

    assert "1 of 2 used · 1 left · next distribution: 3 people" in page
    assert "Ask Meta for a higher limit" in page
    assert "1 of 100,000 (100% of all)" in page


def test_the_pools_page_asks_the_same_number_of_questions_for_many_numbers():
    client = a_client("Operator")
    a_number()
    html(client, POOL)  # the first page also reads what is cached
    with CaptureQueriesContext(connection) as few:
        html(client, POOL)
    for _ in range(10):
        a_number()
    with CaptureQueriesContext(connection) as many:
        html(client, POOL)

    assert len(many) == len(few)
    assert PhoneNumber.objects.count() == 11


def test_a_persons_page_is_named_after_them_and_says_which_message_they_got():
    person = a_subscriber(phone="+919812345678", name="Asha Rao")
    delivery = a_delivered(person, timezone.now())
    title = delivery.distribution.content.title

    page = html(a_client("Viewer"), url("change", person))

    assert re.search(r"<title>\s*Asha Rao · \+91\*{6}5678", page)
    assert f"Subscriber {person.pk}" not in page
    link = reverse("admin:distribution_delivery_change", args=[delivery.pk])
    assert re.search(rf'<a class="kept-link" href="{link}">{title}</a>', page)


@pytest.mark.parametrize("act", ["pause_person", "opt_out_person", "erase_person", "export_person"])
def test_the_confirmation_of_an_act_names_the_person(act):
    person = a_subscriber(phone="+919812345678", name="Asha Rao")

    page = html(a_client("Administrator"), url(act, person))

    assert page.count("Asha Rao · +91******5678") >= 2  # in the title and among the facts
    assert "+919812345678" not in page


def test_deleting_the_details_is_offered_once_it_is_possible():
    person, client = a_subscriber(name="Asha"), a_client("Administrator")
    delivery = a_delivered(person, timezone.now())
    confirm(client, url("erase_person", person), reason="she wrote")
    assert "/purge_person/" not in html(client, url("change", person))

    Delivery.objects.filter(pk=delivery.pk).update(accepted_at=timezone.now() - timedelta(days=2))

    assert "/purge_person/" in html(client, url("change", person))
