"""The undo of an import in the admin: who sees it, what it says, and that it does what it said."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from subscribers import tasks
from subscribers.importing import jobs
from subscribers.models import ImportJob, ImportUndo, Subscriber
from subscribers.people import corrections
from tests.builders import a_subscriber
from tests.shown_forms import form_with
from tests.subscribers.roles import ROLES, a_client, log_messages

pytestmark = pytest.mark.django_db

LIST = b"phone,name\n9812345601,Asha\n9812345602,Ravi\n9812345603,<b>Mina</b>\n"
BUTTON = "Undo this import"


def imported(content: bytes = LIST) -> ImportJob:
    now = timezone.now()
    job = jobs.submit(content, "june.csv", by="x", now=now, consent_source="Form of June")
    tasks.tend_imports()
    job.refresh_from_db()
    return job


def where(step: str, job: ImportJob) -> str:
    return reverse(f"admin:subscribers_importjob_{step}", args=[job.pk])


def page_of(client, job: ImportJob, step: str = "change") -> str:
    return client.get(where(step, job)).content.decode()


def confirmation(client, job: ImportJob, reason: str = "Wrong list") -> dict[str, str]:
    """The form of the page that asks, as a browser sends it."""
    page = page_of(client, job, "undo")
    found = re.search(r'name="shown_version" value="([^"]+)"', page)
    assert found
    return {"reason": reason, "shown_version": found[1]}


@pytest.mark.parametrize("role", ROLES)
def test_who_may_import_may_undo(role):
    job = imported()
    client, may = a_client(role), role in ("Editor", "Operator", "Administrator")

    page = client.get(where("change", job))
    assert page.status_code == (200 if may else 403)
    assert (BUTTON in page.content.decode()) is may
    assert client.get(where("undo", job)).status_code == (200 if may else 403)
    refused = client.post(where("undo", job), {"reason": "x"})  # it names nothing that it shows
    assert refused.status_code == (409 if may else 403)
    assert not ImportUndo.objects.exists()


def test_the_page_says_who_goes_and_who_stays_and_then_that_is_done():
    a_subscriber(phone="+919812345601", name="Before")
    client, job = a_client("Editor"), imported()
    corrections.change(
        Subscriber.objects.get(phone="+919812345602").pk, {"name": "X"}, {}, now=timezone.now()
    )

    page = page_of(client, job, "undo")
    assert "1 person is removed: added by this import" in page
    assert "1 stays: they were changed since." in page
    assert "in 1 person who was here before is not undone" in page
    assert "+91******5603" in page
    assert "&lt;b&gt;Mina&lt;/b&gt;" in page
    assert "9812345603" not in page
    answer = client.post(where("undo", job), confirmation(client, job))
    assert answer["Location"] == where("change", job)
    assert "Being undone" in page_of(client, job)
    assert client.get(where("progress", job)).json() == {
        "state": "UNDOING",
        "percent": 0,
        "words": "0 of 2 people",
    }
    tasks.tend_imports()

    assert client.get(where("progress", job)).json()["state"] == "UNDONE"
    page = page_of(client, job)
    assert "Undone by editor-1" in page
    assert "1 person removed" in page
    assert "1 stays: they were changed since." in page
    assert BUTTON not in page
    assert (
        "Undone" in client.get(reverse("admin:subscribers_importjob_changelist")).content.decode()
    )
    assert Subscriber.objects.existing().count() == 2
    entry = log_messages()[-1]
    assert '"act": "undo import", "reason": "Wrong list"' in entry
    assert '"People who would be removed": "1"' in entry


def test_a_second_click_removes_nobody_twice_and_says_so():
    client, job = a_client("Editor"), imported()
    form = confirmation(client, job)

    client.post(where("undo", job), form)
    again = client.post(where("undo", job), form, follow=True)

    assert "This import was already undone." in again.content.decode()
    assert ImportUndo.objects.count() == 1
    assert len([entry for entry in log_messages() if "undo import" in entry]) == 1


def test_what_changed_since_the_page_was_opened_is_displayed_first():
    client, job = a_client("Editor"), imported()
    form = confirmation(client, job)
    person = Subscriber.objects.get(phone="+919812345602")
    corrections.change(person.pk, {"name": "X"}, {}, now=timezone.now())

    page = client.post(where("undo", job), form).content.decode()

    assert "This changed since you opened it" in page
    assert not ImportUndo.objects.exists()
    client.post(where("undo", job), confirmation(client, job))
    assert ImportUndo.objects.get().people == 3


def test_after_a_day_the_button_says_why_not():
    client, job = a_client("Editor"), imported()
    ImportJob.objects.update(ended_at=timezone.now() - timedelta(hours=24, minutes=1))

    page = page_of(client, job)
    assert "An import can be undone within 24 hours. This one ended on" in page
    assert re.search(r"<button[^>]* disabled [^>]*>Undo this import", page)
    answer = client.get(where("undo", job), follow=True)
    assert answer.redirect_chain == [(where("change", job), 302)]
    assert "within 24 hours" in answer.content.decode()


def test_an_import_that_was_only_checked_has_no_such_button():
    client = a_client("Editor")
    job = jobs.submit(LIST, "june.csv", by="x", now=timezone.now())
    tasks.tend_imports()

    assert BUTTON not in page_of(client, job)
    answer = client.get(where("undo", job), follow=True)
    assert "Only an import that has ended can be undone." in answer.content.decode()


def test_whoever_was_removed_is_in_no_list_search_or_export():
    client, job = a_client("Administrator"), imported()
    pk = Subscriber.objects.get(phone="+919812345601").pk
    client.post(where("undo", job), confirmation(client, job))
    tasks.tend_imports()
    kept = a_subscriber(phone="+919812345609", name="Kept")

    people = client.get(reverse("admin:subscribers_subscriber_changelist"))
    assert [row.pk for row in people.context["cl"].result_list] == [kept.pk]
    found = client.get(reverse("admin:subscribers_subscriber_changelist"), {"q": f"{pk:04d}"})
    assert list(found.context["cl"].result_list) == []
    assert client.get(reverse("admin:subscribers_subscriber_change", args=[pk])).status_code == 200
    export = reverse("admin:subscribers_subscriber_export_all")
    asking = client.get(export)
    assert "of 1 people" in asking.content.decode()
    form = form_with(asking, "reason", reason="Move", form="csv")
    rows = b"".join(client.post(export, form)).decode()
    assert rows.count("\n") == 2
