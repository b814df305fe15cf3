"""The promises that the database keeps about subscribers."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from subscribers.models import Subscriber
from tests.builders import a_subscriber

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("field", "value", "constraint"),
    [
        ("phone", "919812345678", "subscriber_phone_e164"),
        ("phone", "+123456", "subscriber_phone_e164"),
        ("status", "GONE", "subscriber_status_known"),
        ("tier", "GOLD", "subscriber_tier_known"),
    ],
)
def test_the_database_itself_refuses_nonsense(field, value, constraint):
    subscriber = a_subscriber()

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Subscriber.objects.filter(pk=subscriber.pk).update(**{field: value})


def test_a_phone_belongs_to_one_subscriber():
    a_subscriber(phone="+919812345678")

    with pytest.raises(IntegrityError), transaction.atomic():
        a_subscriber(phone="+919812345678")


@pytest.mark.parametrize("language", ["en", "hi", "en_IN", "mai"])
def test_a_language_is_a_code(language):
    a_subscriber(language=language).full_clean()


@pytest.mark.parametrize("language", ["EN", "english", "en-IN", "en_in", "e", "en\n"])
def test_another_spelling_of_a_language_is_refused(language):
    with pytest.raises(ValidationError):
        Subscriber(phone="+919812345678", language=language).full_clean()


def test_only_active_subscribers_are_eligible():
    active = a_subscriber()
    for status in ("PAUSED", "UNSUBSCRIBED", "INVALID"):
        a_subscriber(status=status)

    assert list(Subscriber.objects.eligible()) == [active]


def test_the_indexes_that_were_asked_for_exist():
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, Subscriber._meta.db_table)

    assert found["subscriber_status"]["columns"] == ["status"]
    assert found["subscriber_tier"]["columns"] == ["tier"]
    assert found["subscriber_eligible"]["columns"] == ["tier", "id"]


def test_a_subscriber_is_named_without_personal_data():
    subscriber = a_subscriber(name="Asha")

    assert str(subscriber) == f"subscriber {subscriber.pk}"
