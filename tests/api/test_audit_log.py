"""Every call that changes something leaves a line in the audit log: who, by which token, where."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from distribution.models import ApiToken, Content, ContentState
from subscribers.models import ImportedPerson, ImportJob, ImportState
from tests import builders
from tests.api.routes import EXAMPLES, SCOPES, url_of
from tests.api.tokens import a_key, a_program

pytestmark = pytest.mark.django_db
REASON = {"reason": "Asked on the phone"}


def _day(days: int) -> str:
    return (timezone.localdate() + timedelta(days=days)).isoformat()


def bodies() -> dict[tuple[str, str], Any]:
    """What to send so that each call changes something."""
    later = (timezone.now() + timedelta(days=3)).isoformat()
    content = builders.an_approved_content()
    return {
        ("trigger", "POST"): {"content": content.pk},
        ("schedule", "POST"): {"at": later, "content": content.pk, "again": True, **REASON},
        ("planned", "DELETE"): None,
        ("content-submit", "POST"): {
            "title": "Monday",
            "day": _day(9),
            "message_template": builders.a_template().pk,
        },
        ("content-withdraw", "POST"): None,
        ("content-replace", "POST"): {
            "title": "Monday",
            "message_template": builders.a_template().pk,
        },
        ("daily-times", "POST"): {"from_day": _day(9), "time": "06:30", **REASON},
        ("daily-time", "DELETE"): None,
        ("blackout-dates", "POST"): {"day": _day(9), **REASON},
        ("blackout-date", "DELETE"): None,
        ("retry", "POST"): REASON,
        ("subscriber-erase", "POST"): REASON,
        ("pause", "POST"): REASON,
        ("preflight", "POST"): REASON,
        ("resume", "POST"): REASON,
        ("cancel", "POST"): REASON,
        ("subscribers-add", "POST"): {"phone": "9812345601", "consent_source": "Form of June"},
        ("subscriber", "PATCH"): {"name": "Asha"},
        ("subscriber-status", "PATCH"): {"status": "PAUSED", **REASON},
        ("subscribers-import", "POST"): b"phone\n9812345601",
        ("subscribers-import-job", "DELETE"): None,
        ("subscribers-import-confirm", "POST"): {"consent_source": "Form of June"},
        ("subscribers-import-undo", "POST"): REASON,
        ("queue-alerts", "POST"): {"ids": [EXAMPLES["queue-alert-acknowledge"]()]},
        ("queue-alert-acknowledge", "POST"): None,
    }


# A file is uploaded to Meta: tests/api/test_contents.py.
WRITING = sorted(call for call in SCOPES if call[1] != "GET" and call[0] != "content-upload")


@pytest.mark.parametrize(("name", "method"), WRITING)
def test_a_call_that_changes_something_leaves_one_line(name: str, method: str) -> None:
    builders.a_number()
    body, program = bodies()[name, method], a_program(SCOPES[name, method])
    url = url_of(name)
    if name == "resume":
        assert program.post(url.replace("resume", "pause"), REASON).status_code == 200
    if name == "content-withdraw":
        owner = ApiToken.objects.get().user
        Content.objects.update(state=ContentState.SUBMITTED, author=owner)
    if name == "subscribers-import-confirm":
        ImportJob.objects.update(state=ImportState.CHECKED)
    if name == "subscribers-import-undo":
        now = timezone.now()
        ImportJob.objects.update(state=ImportState.DONE, confirmed_at=now, ended_at=now)
        ImportedPerson.objects.create(
            job=ImportJob.objects.get(), subscriber=builders.a_subscriber(), is_new=True
        )
    before = LogEntry.objects.count()
    sent: dict[str, Any] = (
        {"content_type": "text/csv", "data": body}
        if isinstance(body, bytes)
        else {"format": "json", "data": body}
    )
    query = "?consent_source=Form&name=a.csv" if isinstance(body, bytes) else ""
    answer = getattr(program, method.lower())(url + query, **sent, headers=a_key())

    assert answer.status_code < 300, answer.content
    assert LogEntry.objects.count() == before + 1
    told = json.loads(LogEntry.objects.latest("pk").change_message)
    assert "API token program" in told[0]["act"]
    assert told[-1]["ip"] == "127.0.0.1"


def test_a_status_that_is_set_already_leaves_no_line() -> None:
    person = builders.a_subscriber(status="PAUSED")
    program = a_program("subscribers")
    url = f"/api/distribution/subscribers/{person.pk}/status"
    assert program.patch(url, {"status": "PAUSED", **REASON}).status_code == 200
    assert LogEntry.objects.count() == 0


def test_the_line_of_an_added_person_names_no_detail_of_theirs() -> None:
    body = {"phone": "9812345601", "name": "Asha Rao", "consent_source": "Form of June"}
    a_program("subscribers").post("/api/distribution/subscribers/add", body, headers=a_key())
    line = LogEntry.objects.get().change_message
    assert "Form of June" in line
    assert "Asha" not in line
    assert "98123" not in line
