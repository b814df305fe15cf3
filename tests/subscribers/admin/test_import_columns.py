"""A sample to download, and columns that are given a meaning on the page of the check."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from subscribers.importing import jobs
from subscribers.models import ImportJob, Subscriber
from tests.shown_forms import marks_of
from tests.subscribers.imports import counts, run
from tests.subscribers.moments import NOW
from tests.subscribers.roles import a_client, log_messages

pytestmark = pytest.mark.django_db


def checked(client, text: str) -> ImportJob:
    file = SimpleUploadedFile("list.csv", text.encode())
    client.post(reverse("admin:subscribers_importjob_add"), {"file": file})
    job = ImportJob.objects.get()
    jobs.run(job.pk, clock=lambda: NOW)
    return ImportJob.objects.get()


def choose(client, job: ImportJob, *choices: str):
    address = reverse("admin:subscribers_importjob_columns", args=[job.pk])
    opened = client.get(reverse("admin:subscribers_importjob_change", args=[job.pk]))
    chosen = {f"column-{n}": choice for n, choice in enumerate(choices)}
    answer = client.post(address, {**marks_of(opened), **chosen})
    jobs.run(job.pk, clock=lambda: NOW)
    job.refresh_from_db()
    return answer


def page(client, job: ImportJob) -> str:
    address = reverse("admin:subscribers_importjob_change", args=[job.pk])
    return client.get(address).content.decode()


def test_the_sample_can_be_imported_as_it_is():
    client = a_client("Editor")
    assert (
        reverse("admin:subscribers_importjob_sample")
        in client.get(reverse("admin:subscribers_importjob_add")).content.decode()
    )

    sample = b"".join(client.get(reverse("admin:subscribers_importjob_sample")))

    assert counts(run(sample)) == {"total": 3, "new": 3}
    assert a_client("Viewer").get(reverse("admin:subscribers_importjob_sample")).status_code == 403


def test_a_file_without_a_known_title_is_imported_once_its_columns_are_chosen():
    client = a_client("Editor")
    job = checked(client, "Nr,Wer,Ort,Bemerkung\n9820000101,Asha,Pune,old\n")
    assert (job.state, "Check again" in page(client, job)) == ("REFUSED", True)

    choose(client, job, "phone", "name", "attribute", "left-out")
    assert (job.state, job.counts["new"]) == ("CHECKED", 1)
    jobs.confirm(job.pk, consent_source="Form", by="editor", now=NOW)
    jobs.run(job.pk, clock=lambda: NOW)

    person = Subscriber.objects.get()
    assert (person.phone, person.name, person.attributes) == (
        "+919820000101",
        "Asha",
        {"ort": "Pune"},
    )
    assert "choose columns" in " ".join(log_messages())


def test_a_known_title_may_be_left_out_or_become_a_detail():
    client = a_client("Editor")
    job = checked(client, "phone,mobile 2,Email,Plan\n9820000101,9820000102,x,Gold\n")
    assert job.counts["refused"] == 1

    choose(client, job, "attribute", "phone", "left-out", "attribute")

    assert (job.state, job.counts["new"], job.counts["refused"]) == ("CHECKED", 1, 0)
    assert job.columns == {"0": "attribute", "1": "phone", "2": "", "3": "attribute"}
    assert "custom field {other_plan}" in page(client, job)


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        (("phone", "phone"), "Choose one column for the phone."),
        (("left-out", "name"), "Choose the column with the phone number."),
        (("phone", "weather"), "Select a valid choice"),
    ],
)
def test_choices_that_make_no_list_are_told(choices, words):
    client = a_client("Editor")
    job = checked(client, "phone,name\n9820000101,Asha\n")

    html = choose(client, job, *choices).content.decode()

    assert words in html or words == "Select a valid choice"
    assert (job.state, job.columns) == ("CHECKED", {})


def test_an_import_that_was_decided_keeps_its_columns():
    client = a_client("Editor")
    job = checked(client, "phone,name\n9820000101,Asha\n")
    jobs.cancel(job.pk, now=NOW)

    choose(client, job, "phone", "left-out")

    assert (job.state, job.columns) == ("CANCELLED", {})
    assert "Check again" not in page(client, job)


def test_refused_lines_come_back_without_their_first_two_columns():
    assert counts(run("Refused line,Refused because,phone\n3,x,9820000101\n")) == {
        "total": 1,
        "new": 1,
    }
    assert Subscriber.objects.get().attributes == {}
