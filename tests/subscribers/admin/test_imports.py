"""Imports in the admin, over HTTP, as each role."""

from __future__ import annotations

import csv
import io
import json

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from subscribers import tasks
from subscribers.importing import jobs
from subscribers.models import ImportJob, Subscriber
from tests.shown_forms import confirm, marks_of
from tests.subscribers.roles import ROLES, a_client, log_messages
from tests.subscribers.workbooks import a_workbook

pytestmark = pytest.mark.django_db

ADD = "admin:subscribers_importjob_add"
BAD = "phone,name\n9812345601,Asha\n12,=1+1\n"
IMPORTERS = ("Editor", "Operator", "Administrator")


def upload(client, content=BAD, name="people.csv"):
    data = content if isinstance(content, bytes) else content.encode()
    return client.post(reverse(ADD), {"file": SimpleUploadedFile(name, data)})


def where(step, job):
    return reverse(f"admin:subscribers_importjob_{step}", args=[job.pk])


def decide(client, step, job, **typed):
    """Press a button of the job's page, with what the page displays."""
    marks = marks_of(client.get(where("change", job)))
    return client.post(where(step, job), {**marks, **typed})


def a_checked_job(client):
    assert upload(client).status_code == 302
    tasks.tend_imports()
    return ImportJob.objects.get()


def text(response):
    return b"".join(response).decode() if response.streaming else response.content.decode()


@pytest.mark.parametrize("role", ROLES)
def test_who_may_import_and_who_may_only_look(role):
    job = jobs.submit(BAD.encode(), "people.csv", by="x", now=timezone.now())
    jobs.run(job.pk, clock=timezone.now)
    client, may = a_client(role), role in IMPORTERS

    assert client.get(reverse(ADD)).status_code == (200 if may else 403)
    assert upload(client).status_code == (302 if may else 403)
    page = client.get(where("change", job))
    assert page.status_code == (200 if may else 403)
    assert ("Import 1 new" in page.content.decode()) is may
    assert client.get(where("progress", job)).status_code == (200 if may else 403)
    assert client.get(where("refused", job)).status_code == (200 if may else 403)
    answer = decide(client, "confirm", job, consent_source="Form")
    assert answer.status_code == (302 if may else 403)
    assert decide(client, "cancel", job).status_code == (302 if may else 403)
    listed = client.get(reverse("admin:subscribers_importjob_changelist"))
    assert listed.status_code == (200 if may else 403)


def test_a_file_is_checked_confirmed_and_imported():
    client = a_client("Editor")
    job = a_checked_job(client)

    page = text(client.get(where("change", job)))
    assert "The number has too few digits" in page
    assert "9812345601" not in page
    assert Subscriber.objects.count() == 0
    for unseen in ("", "\u200b"):
        again = text(decide(client, "confirm", job, consent_source=unseen))
        assert "Enter how these people consented" in again
    decide(client, "confirm", job, consent_source="Form of June")
    assert client.get(where("progress", job)).json()["state"] == "IMPORTING"
    tasks.tend_imports()

    assert "Form of June" in text(client.get(where("change", job)))
    event = Subscriber.objects.get().consent_events.get()
    assert (event.notice, event.actor) == ("Form of June", "editor-1")
    uploaded, confirmed = log_messages()
    assert "upload" in uploaded
    assert '"reason": "Form of June"' in confirmed


def test_the_refused_lines_are_a_file_with_reasons():
    client = a_client("Editor")
    job = a_checked_job(client)

    response = confirm(client, where("refused", job), reason="To correct them")

    rows = list(csv.reader(io.StringIO(text(response).removeprefix("\ufeff"))))
    assert rows[0] == ["Refused line", "Refused because", "phone", "name"]
    assert (rows[1][0], rows[1][2], rows[1][3]) == ("3", "12", "'=1+1")
    assert "attachment" in response["Content-Disposition"]
    told = json.loads(LogEntry.objects.latest("pk").change_message)
    assert (told[0]["reason"], told[-1]["ip"]) == ("To correct them", "127.0.0.1")


@pytest.mark.parametrize(("role", "whole"), [("Editor", False), ("Administrator", True)])
def test_numbers_of_a_list_that_somebody_else_uploaded_are_masked_unless_they_may_be_seen(
    role, whole
):
    twice = "phone,name\n9812345601,Asha\n9812345601,Ravi\n"
    job = jobs.submit(twice.encode(), "people.csv", by="x", now=timezone.now())
    jobs.run(job.pk, clock=timezone.now)

    response = confirm(a_client(role), where("refused", job), reason="To correct them")

    assert ("9812345601" in text(response)) is whole
    assert f'"full_phones": {str(whole).lower()}' in log_messages()[-1]


@pytest.mark.parametrize(("people", "told"), [(20, ""), (21, ": the first 20 of 21")])
def test_a_part_of_the_rows_is_never_shown_as_all_of_them(people, told):
    client = a_client("Editor")
    good = [f"98123456{n:02},Asha" for n in range(people)]
    bad = [f"{n},Ravi" for n in range(people)]
    upload(client, "phone,name\n" + "\n".join(good + bad))
    tasks.tend_imports()

    page = text(client.get(where("change", ImportJob.objects.get())))

    assert f"<h2>New people{told}</h2>" in page
    assert f"<h2>Rejected rows{told}</h2>" in page


def test_a_workbook_is_taken_too_and_other_files_are_not():
    client = a_client("Editor")

    assert upload(client, a_workbook(["Phone"], [919812345601]), "l.xlsx").status_code == 302
    assert "Upload a .csv, .xlsx or .jsonl file" in text(upload(client, b"x", "list.exe"))
    assert "is empty" in text(upload(client, b"", "list.csv"))


def test_what_is_no_list_is_refused_with_a_sentence_on_its_page():
    client = a_client("Editor")
    upload(client, b"PK\x03\x04 nonsense", "list.xlsx")
    tasks.tend_imports()

    assert "The workbook is damaged" in text(client.get(where("change", ImportJob.objects.get())))


def test_nothing_is_confirmed_or_cancelled_by_a_link():
    client = a_client("Editor")
    job = a_checked_job(client)

    assert client.get(where("confirm", job)).status_code == 403
    assert client.get(where("cancel", job)).status_code == 403
    assert client.get("/admin/subscribers/importjob/999/change/").status_code == 404


def test_html_in_a_file_is_text_on_the_page():
    client = a_client("Editor")
    upload(client, "phone,<img src=x>\n12,<script>alert(1)</script>\n9812345601,<b>x</b>\n")
    tasks.tend_imports()

    page = text(client.get(where("change", ImportJob.objects.get())))
    assert "<img src=x>" not in page
    assert "<script>alert" not in page


def test_an_import_whose_columns_another_person_chose_meanwhile_is_not_confirmed_unseen():
    client = a_client("Editor")
    job = a_checked_job(client)
    old = {**marks_of(client.get(where("change", job))), "consent_source": "Form of June"}
    jobs.choose_columns(job.pk, {"1": ""})
    jobs.run(job.pk, clock=timezone.now)

    response = client.post(where("confirm", job), old)

    page = text(response)
    assert (response.status_code, ImportJob.objects.get().state) == (409, "CHECKED")
    assert "This changed since you opened it" in page
    assert 'value="Form of June"' in page


def test_do_not_import_on_an_older_page_stops_no_import_that_somebody_confirmed():
    client = a_client("Editor")
    job = a_checked_job(client)
    old = marks_of(client.get(where("change", job)))
    jobs.confirm(job.pk, consent_source="Form", by="asha", now=timezone.now())

    assert client.post(where("cancel", job), old).status_code == 409
    assert ImportJob.objects.get().state == "IMPORTING"


def test_a_second_click_on_import_leads_to_its_page():
    client = a_client("Editor")
    job = a_checked_job(client)
    form = {**marks_of(client.get(where("change", job))), "consent_source": "Form"}

    answers = [client.post(where("confirm", job), form) for _ in range(2)]

    assert [answer.headers["Location"] for answer in answers] == [where("change", job)] * 2
    assert len(log_messages()) == 2  # the upload, and one confirmation


def test_counts_differ_only_from_those_of_a_check_that_was_made():
    """A program that names the consent source with its file has no check to wait for."""
    source = "Sign-up form of June"
    job = jobs.submit(BAD.encode(), "a.csv", by="x", now=timezone.now(), consent_source=source)
    jobs.run(job.pk, clock=timezone.now)
    client = a_client("Editor")
    assert "Subscribers changed after the check" not in text(client.get(where("change", job)))

    ImportJob.objects.filter(pk=job.pk).update(checked={"new": 7})
    assert "Subscribers changed after the check" in text(client.get(where("change", job)))
