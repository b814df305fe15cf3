"""What the document shows is what happens: its requests are taken, its refusals are told."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from distribution.models import (
    Alert,
    BlackoutDate,
    Distribution,
    DistributionState,
    Kind,
    Scope,
)
from subscribers.importing import jobs
from subscribers.models import ImportJob, ImportState
from tests import builders
from tests.api.example_records import BODY, EXAMPLE_TIME, request_arguments, reset_sequences
from tests.api.routes import EXAMPLES, NAMES, SCOPES, url_of
from tests.api.test_examples import examples_of, operations
from tests.api.tokens import a_key, a_program

pytestmark = pytest.mark.django_db
OPERATIONS = dict(operations())
BINARY = "(the bytes of "
SENT = [
    pytest.param(where, kind, one["value"], id=f"{where} {kind} {name}")
    for where, operation in OPERATIONS.items()
    for kind, told in operation.get("requestBody", {}).get("content", {}).items()
    for name, one in told["examples"].items()
    if BINARY not in str(one["value"])
]


@pytest.fixture(autouse=True)
def that_morning(settings: Any) -> Any:
    settings.WHATSAPP_ACCESS_TOKEN = "token"
    with time_machine.travel(EXAMPLE_TIME, tick=True):
        yield


def _template(asked: Any) -> None:
    """The message template that the examples name, with what this one fills in."""
    above: list[dict[str, Any]] = []
    if "headline" in asked:
        above = [
            {"type": "HEADER", "format": "TEXT", "text": "{{1}}"},
            {
                "type": "BUTTONS",
                "buttons": [{"type": "URL", "text": "Read", "url": "https://example.in/{{1}}"}],
            },
        ]
    elif "media" in asked:
        above = [{"type": "HEADER", "format": "IMAGE"}]
        builders.a_kept_file(asked["media"]["id"])
    builders.a_template(id=3, components=[BODY, *above])


@pytest.mark.parametrize(("where", "kind", "value"), SENT)
def test_what_may_be_sent_is_taken(where: str, kind: str, value: Any) -> None:
    method, path = where.split()
    builders.a_number()
    _template(value)
    plain = builders.a_template(id=4)
    builders.an_approved_content(id=87, message_template=plain, day=date(2026, 11, 24))
    reset_sequences()
    name = NAMES[path]
    client = a_program(SCOPES[name, method.upper()])
    answer = getattr(client, method)(
        url_of(name), **request_arguments(kind, value), headers=a_key()
    )
    assert answer.status_code in (200, 201, 202, 409), answer.content
    assert str(answer.status_code) in OPERATIONS[where]["responses"]


def _wrong(where: str, pk: int = 7, body: Any = None, query: str = "") -> Any:
    """One request by a token that may ask it."""
    method, path = where.split()
    client = a_program(SCOPES[NAMES[path], method.upper()])
    url = path.replace("{id}", str(pk)) + query
    return getattr(client, method)(url, data=body, format=body and "json", headers=a_key())


def _is_shown(where: str, answer: Any) -> None:
    """The whole answer is one of the document's examples."""
    problem = "application/problem+json"
    told = OPERATIONS[where]["responses"][str(answer.status_code)]["content"][problem]
    assert answer.json() in examples_of(told), answer.content


@pytest.mark.parametrize(
    ("where", "body"),
    [
        ("post /api/distribution/trigger", {"content": 1, "date": "2026-11-24"}),
        ("post /api/distribution/trigger", {}),
        ("post /api/distribution/schedule", {"at": "2026-11-24T16:30:00"}),
        ("post /api/distribution/schedule", {"at": "2026-11-24T16:30:00Z", "content": 1}),
        (
            "post /api/distribution/content/submit",
            {"title": "x", "day": "2026-11-24", "message_template": 1},
        ),
        ("post /api/distribution/subscribers/add", {"phone": "+91 98", "consent_source": "x"}),
        ("patch /api/distribution/subscribers/{id}", {"phone": "9812345601"}),
        ("patch /api/distribution/subscribers/{id}/status", {"status": "PAUSED"}),
        ("post /api/distribution/subscribers/import/{id}/confirm", {}),
        ("post /api/distribution/{id}/pause", {}),
        ("post /api/distribution/{id}/resume", {}),
        ("post /api/distribution/{id}/cancel", {"reason": "x"}),  # there is none
        ("post /api/queue/alerts", {}),
    ],
)
def test_what_is_wrong_is_told_as_shown(where: str, body: Any) -> None:
    _is_shown(where, _wrong(where, body=body))


@pytest.mark.parametrize(
    ("where", "query"),
    [
        ("get /api/distribution/status", "?id=x"),
        ("get /api/distribution/status", ""),
        ("get /api/distribution/analytics", "?from=2026-11-24&to=2026-11-23"),
        ("get /api/distribution/costs", "?from=2026-11-24&to=2026-11-23"),
        ("get /api/distribution/templates", "?page_size=0"),
        ("get /api/distribution/templates/{id}", ""),
    ],
)
def test_a_question_that_is_wrong_is_told_as_shown(where: str, query: str) -> None:
    _is_shown(where, _wrong(where, query=query))


def test_a_list_that_nobody_agreed_to_and_an_empty_one_are_told_as_shown() -> None:
    where, client = "post /api/distribution/subscribers/import", a_program("subscribers")
    url, empty = where.split()[1], SimpleUploadedFile("people.csv", b"")
    _is_shown(where, client.post(url, b"phone", content_type="text/csv", headers=a_key()))
    form = {"file": empty, "dry_run": True}
    _is_shown(where, client.post(url, form, format="multipart", headers=a_key()))


@pytest.mark.parametrize("scope", Scope.values)
def test_who_may_not_ask_is_told_as_shown(scope: str) -> None:
    for where in OPERATIONS:
        method, path = where.split()
        if SCOPES[NAMES[path], method.upper()] == scope:
            url = path.replace("{id}", "7")
            others = [one for one in Scope.values if one != scope]
            for client in (a_program(), a_program(*others)):
                _is_shown(where, getattr(client, method)(url))
            client.credentials(HTTP_AUTHORIZATION="Bearer dbk_unknown")
            _is_shown(where, getattr(client, method)(url))


def test_a_key_that_is_missing_or_used_is_told_as_shown() -> None:
    where, client = "post /api/distribution/schedule", a_program("distribute")
    url, body = where.split()[1], {"at": "2026-11-24T16:30:00+05:30"}
    _is_shown(where, client.post(url, body, format="json"))
    key = a_key()
    assert client.post(url, body, format="json", headers=key).status_code == 202
    _is_shown(where, client.post(url, {"at": "2026-11-25T16:30:00Z"}, format="json", headers=key))
    _is_shown(where, client.post(url, "<at/>", content_type="text/xml", headers=key))
    _is_shown(where, client.post(url, "{", content_type="application/json", headers=key))


def test_a_step_that_is_not_possible_is_told_as_shown() -> None:
    sent = builders.an_open_distribution(1, id=142)
    assert sent.content is not None
    trigger = "post /api/distribution/trigger"
    _is_shown(trigger, _wrong(trigger, body={"content": sent.content.pk}))
    Distribution.objects.update(state=DistributionState.COMPLETED)
    for step in ("pause", "resume", "cancel"):
        where = f"post /api/distribution/{{id}}/{step}"
        _is_shown(where, _wrong(where, sent.pk, {"reason": "x"}))


def test_a_plan_that_is_not_possible_is_told_as_shown() -> None:
    BlackoutDate.objects.create(day=date(2027, 1, 26), reason="Republic Day")
    plan, unplan = "post /api/distribution/schedule", "delete /api/distribution/schedule/{id}"
    _is_shown(plan, _wrong(plan, body={"at": "2027-01-26T16:30:00+05:30"}))
    begun = builders.an_open_distribution(1, kind=Kind.ONE_TIME)
    _is_shown(unplan, _wrong(unplan, begun.pk))
    Distribution.objects.update(state=DistributionState.MISSED, opened_at=None)
    _is_shown(unplan, _wrong(unplan, begun.pk))


def test_what_subscribers_do_not_allow_is_told_as_shown() -> None:
    status = "patch /api/distribution/subscribers/{id}/status"
    add = "post /api/distribution/subscribers/add"
    person = builders.a_subscriber(id=1001, phone="+919812345601")
    _is_shown(add, _wrong(add, body={"phone": person.phone, "consent_source": "x"}))
    _wrong(status, 1001, {"status": "UNSUBSCRIBED", "reason": "x"})
    _is_shown(status, _wrong(status, 1001, {"status": "ACTIVE", "reason": "x"}))


def test_what_is_over_is_told_as_shown() -> None:
    job = jobs.submit(b"phone", "people.csv", by="crm", now=timezone.now())
    ImportJob.objects.update(state=ImportState.DONE)
    stop = "delete /api/distribution/subscribers/import/{id}"
    confirm = "post /api/distribution/subscribers/import/{id}/confirm"
    _is_shown(stop, _wrong(stop, job.pk))
    _is_shown(confirm, _wrong(confirm, job.pk, {"consent_source": "x"}))
    alert = EXAMPLES["queue-alert-acknowledge"]()
    Alert.objects.update(closed_at=timezone.now())
    acknowledge = "post /api/queue/alerts/{id}/acknowledge"
    _is_shown(acknowledge, _wrong(acknowledge, alert))
