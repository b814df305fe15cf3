"""The form for one person holds to the rules for files and the API."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from subscribers.models import Subscriber
from tests.builders import a_subscriber

pytestmark = pytest.mark.django_db
ADD = "/admin/subscribers/subscriber/add/"


def post(client, address=ADD, **fields):
    form = {
        "phone": "9820001000",
        "name": "Asha",
        "tier": "BASIC",
        "language": "en",
        "email": "",
        "attributes": "{}",
        "consent_source": "Sign-up form",
        "consent_events-TOTAL_FORMS": 0,
        "consent_events-INITIAL_FORMS": 0,
    }
    return client.post(address, form | fields)


@pytest.mark.parametrize(
    "written", ["null", "5", "0", "[]", '"Pune"', '["Pune"]', '{"city": ["a"]}', "{", '{"a": null}']
)
def test_attributes_that_are_no_object_of_texts_are_not_saved(admin_client, written):
    """P14"""
    answer = post(admin_client, attributes=written)

    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode() or "error" in answer.content.decode()
    assert Subscriber.objects.count() == 0


def test_a_name_that_stands_twice_in_the_attributes_is_told(admin_client):
    """O13: in the form"""
    answer = post(admin_client, attributes='{"city": "Pune", "city": "Mumbai"}')

    assert "An attribute has the same name twice" in answer.content.decode()


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("", {}),
        ("{}", {}),
        ('{"First Name": " A ", "शहर": "पुणे"}', {"first_name": "A", "शहर": "पुणे"}),
    ],
)
def test_attributes_are_saved_by_the_names_that_messages_use(admin_client, written, stored):
    """P14, P8"""
    assert post(admin_client, attributes=written).status_code == 302

    assert Subscriber.objects.get().attributes == stored


@pytest.mark.parametrize(
    ("name", "saved"), [("Ev\u202eil", "Evil"), ("Tab\there", "Tab here"), ("  Asha ", "Asha")]
)
def test_a_name_loses_what_is_invisible_as_in_a_file(admin_client, name, saved):
    """O6"""
    assert post(admin_client, name=name).status_code == 302

    assert Subscriber.objects.get().name == saved


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "www.evil.example/x http://x.y"},
        {"name": "bit.ly/xyz"},
        {"name": "#N/A"},
        {"attributes": '{"city": "example.com"}'},
        {"attributes": '{"note": "%s"}' % ("x" * 101)},
    ],
)
def test_what_a_file_may_not_bring_the_form_may_not_either(admin_client, fields):
    """O6, O8, P4, P9"""
    person = a_subscriber(phone="+919820001001", name="Asha", attributes={"city": "Pune"})
    address = reverse("admin:subscribers_subscriber_change", args=[person.pk])

    assert post(admin_client, **fields).status_code == 200
    assert post(admin_client, address, **fields).status_code == 200

    assert Subscriber.objects.values_list("name", "attributes").get() == ("Asha", {"city": "Pune"})


@pytest.mark.parametrize("value", ["null", "5", "[]", '"Pune"'])
def test_the_table_takes_no_attributes_but_an_object(value):
    """P14"""
    person = a_subscriber()
    cast = "::jsonb" if connection.vendor == "postgresql" else ""

    with (
        pytest.raises(IntegrityError),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            f"UPDATE subscribers_subscriber SET attributes = %s{cast} WHERE id = %s",  # noqa: S608
            [value, person.pk],
        )


@pytest.mark.parametrize("written", ["+54 9 11 2345-6789", "+54 11 2345 6789"])
def test_somebody_who_is_here_in_another_spelling_is_not_added_again(admin_client, written):
    person = a_subscriber(phone="+541123456789", name="Ana")

    answer = post(admin_client, phone=written)

    assert f"already belongs to subscriber {person.pk} (+54******6789)" in answer.content.decode()
    assert Subscriber.objects.count() == 1
