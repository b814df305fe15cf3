"""Every way in takes the same values and refuses the same ones (cases P14, O6 and O8): files of
each format, the API's add and change, the admin's add and change, the settings, a STOP.
"""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import reverse

from config.settings import environment
from phonepool.models import PhoneNumber
from subscribers.consent.preferences import apply_preferences
from subscribers.consent.suppressions import Preference
from subscribers.importing import jobs
from subscribers.models import Subscriber
from tests.api.tokens import a_key, a_program
from tests.builders import a_number, a_subscriber
from tests.shown_forms import form_with
from tests.subscribers.imports import run
from tests.subscribers.moments import NOW
from tests.subscribers.workbooks import a_workbook

pytestmark = pytest.mark.django_db
PHONE = "+919812345601"
API = "/api/distribution/subscribers"
ADMIN = "admin:subscribers_subscriber_"
BEFORE = {"name": "Before", "language": "en", "email": "", "attributes": {"city": "Pune"}}
REFUSED = None


def _by_csv(field: str, text: str) -> None:
    lines = io.StringIO()
    csv.writer(lines).writerows([("phone", field), (PHONE, text)])
    run(lines.getvalue())


def _by_json_lines(field: str, text: str) -> None:
    run(json.dumps({"phone": PHONE, field: text}), filename="people.jsonl")


def _by_workbook(field: str, text: str) -> None:
    workbook = a_workbook(["phone", field], [PHONE, text])
    job = jobs.submit(workbook, "people.xlsx", by="asha", now=NOW)
    jobs.run(job.pk, clock=lambda: NOW)
    jobs.confirm(job.pk, consent_source="Form of June", by="asha", now=NOW)
    jobs.run(job.pk, clock=lambda: NOW)


def _stated(field: str, text: str) -> dict[str, Any]:
    return {field: text} if field in BEFORE else {"attributes": {field: text}}


def _by_api_add(field: str, text: str) -> None:
    body = {"phone": PHONE, "consent_source": "Form of June", **_stated(field, text)}
    a_program("subscribers").post(f"{API}/add", body, headers=a_key())


def _by_api_change(field: str, text: str) -> None:
    person = a_subscriber(phone=PHONE, **BEFORE)
    a_program("subscribers").patch(f"{API}/{person.pk}", _stated(field, text))


def _boss() -> Client:
    client = Client()
    user = get_user_model().objects.create_superuser("boss")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def _typed(field: str, text: str) -> dict[str, str]:
    return {field: text} if field in BEFORE else {"attributes": json.dumps({field: text})}


def _by_admin_add(field: str, text: str) -> None:
    client, address = _boss(), reverse(f"{ADMIN}add")
    form = form_with(client.get(address), "name", phone=PHONE, consent_source="Form of June")
    client.post(address, {**form, **_typed(field, text)})


def _by_admin_change(field: str, text: str) -> None:
    client, person = _boss(), a_subscriber(phone=PHONE, **BEFORE)
    address = reverse(f"{ADMIN}change", args=[person.pk])
    client.post(address, {**form_with(client.get(address), "name"), **_typed(field, text)})


WAYS = {
    "csv": _by_csv,
    "jsonl": _by_json_lines,
    "xlsx": _by_workbook,
    "api-add": _by_api_add,
    "api-change": _by_api_change,
    "admin-add": _by_admin_add,
    "admin-change": _by_admin_change,
}
# The field or the title of a detail, what is written, and what is stored.
VALUES: list[tuple[str, str, str | None]] = [
    ("name", "  Asha   Rao ", "Asha Rao"),
    ("name", "Ev\u202eil", "Evil"),
    ("name", "Asha\u200bRao", "AshaRao"),
    ("name", "K.Ramesh", "K.Ramesh"),
    ("name", "रवि कुमार", "रवि कुमार"),
    ("name", "www.evil.example/x", REFUSED),
    ("name", "bit.ly/xyz", REFUSED),
    ("name", "#N/A", REFUSED),
    ("name", "a" * 101, REFUSED),
    ("name", "Ravi \ufffd", REFUSED),
    ("language", "Hindi", "hi"),
    ("language", "EN-in", "en_IN"),
    ("language", "Klingonish", REFUSED),
    ("email", "asha@example.com", "asha@example.com"),
    ("email", "asha at example", REFUSED),
    ("Ward No.", " 12  B ", "12 B"),
    ("शहर", "पुणे", "पुणे"),
    ("note", "see example.com/x", REFUSED),
    ("note", "#REF!", REFUSED),
    ("note", "a" * 101, REFUSED),
]


def stored(field: str, name: str) -> str | None:
    """What a message would say; None if nobody was stored, or nothing of it."""
    person = Subscriber.objects.filter(phone=PHONE).first()
    if person is None:
        return None
    value = getattr(person, field) if field in BEFORE else person.attributes.get(name)
    return None if value in ("", BEFORE.get(field)) else value


@pytest.mark.parametrize(
    ("field", "written", "expected"), VALUES, ids=[f"{f}-{w[:18]!a}" for f, w, _ in VALUES]
)
@pytest.mark.parametrize("way", WAYS)
def test_a_value_is_read_alike_whichever_way_it_comes(way, field, written, expected):
    WAYS[way](field, written)

    name = {"Ward No.": "ward_no", "note": "note"}.get(field, field)
    assert stored(field, name) == expected


# --- phones: of the people on a list, and of the staff who get tests ------------------------------


def _by_setting(text: str, monkeypatch: pytest.MonkeyPatch) -> str | None:
    """A test recipient, as the settings name them."""
    monkeypatch.setenv("TEST_RECIPIENTS", text)
    try:
        found = environment.phones("TEST_RECIPIENTS")
    except ImproperlyConfigured:
        return None
    return found[0] if found else None


def _people(way: str, text: str) -> str | None:
    """The phone that a person has who came by this way."""
    if way == "csv":
        run(f"phone,name\n{text},Asha\n")
    elif way == "jsonl":
        run(json.dumps({"phone": text, "name": "Asha"}), filename="people.jsonl")
    elif way == "xlsx":
        workbook = a_workbook(["phone", "name"], [text, "Asha"])
        job = jobs.submit(workbook, "people.xlsx", by="asha", now=NOW)
        jobs.run(job.pk, clock=lambda: NOW)
        jobs.confirm(job.pk, consent_source="Form of June", by="asha", now=NOW)
        jobs.run(job.pk, clock=lambda: NOW)
    elif way == "api-add":
        body = {"phone": text, "consent_source": "Form of June"}
        a_program("subscribers").post(f"{API}/add", body, headers=a_key())
    else:
        client, address = _boss(), reverse(f"{ADMIN}add")
        form = form_with(client.get(address), "name", phone=text, consent_source="Form of June")
        client.post(address, form)
    return Subscriber.objects.values_list("phone", flat=True).first()


PEOPLE_WAYS = ("csv", "jsonl", "xlsx", "api-add", "admin-add")
PHONES: list[tuple[str, str | None]] = [
    ("+919812345601", PHONE),
    ("98123 45601", PHONE),
    ("098123-45601", PHONE),
    ("91 98123 45601", PHONE),
    ("+91 (981) 234-5601", PHONE),
    ("+919812345601\u202c", PHONE),
    ("12345", REFUSED),
    ("+910000000000", REFUSED),
    ("Asha", REFUSED),
    ("9.81E+09", REFUSED),
]


@pytest.mark.parametrize(("written", "expected"), PHONES)
@pytest.mark.parametrize("way", [*PEOPLE_WAYS, "setting"])
def test_a_phone_is_read_alike_whichever_way_it_comes(way, written, expected, monkeypatch):
    found = _by_setting(written, monkeypatch) if way == "setting" else _people(way, written)
    assert found == expected


@pytest.mark.parametrize("spelt", ["+919812345601", "98123 45601"])
@pytest.mark.parametrize("way", PEOPLE_WAYS)
def test_a_stop_from_an_unknown_number_holds_whichever_way_its_person_comes(way, spelt):
    stop = Preference(PHONE, wants=False, source="whatsapp:STOP", at=NOW, evidence="wamid.1")
    assert apply_preferences([stop], now=NOW) == [PHONE]

    assert _people(way, spelt) == PHONE

    assert Subscriber.objects.get().status == "UNSUBSCRIBED"


@pytest.mark.parametrize("label", ["Ev\u202eil", "www.evil.example/x", "two words", "\u200b", ""])
def test_a_label_of_a_number_is_a_plain_word(label):
    number = a_number()
    client, address = _boss(), reverse("admin:phonepool_phonenumber_change", args=[number.pk])
    client.post(address, {**form_with(client.get(address), "label"), "label": label})
    assert PhoneNumber.objects.get().label == number.label
