"""Lists of subscribers over the API: every form, dry runs, confirmation, stops."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from distribution.api.resources.imports import ImportSubscribers
from subscribers import tasks
from subscribers.importing import jobs
from subscribers.models import ConsentEvent, ImportJob, Subscriber
from tests.api.tokens import a_key, a_program
from tests.subscribers.workbooks import a_workbook

pytestmark = pytest.mark.django_db
ADDRESS = "/api/distribution/subscribers/import"
CSV = "phone,name\n9812345601,Asha\n12,Nobody\n"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def upload(content: str | bytes = CSV, name: str = "crm.csv", **fields: Any) -> Any:
    data = content if isinstance(content, bytes) else content.encode()
    body = {"file": SimpleUploadedFile(name, data), "consent_source": "Form of June", **fields}
    return a_program("subscribers").post(ADDRESS, body, format="multipart", headers=a_key())


def send_raw(content: bytes, media_type: str, query: str = "consent_source=Form") -> Any:
    return a_program("subscribers").generic(
        "POST", f"{ADDRESS}?{query}", content, media_type, headers=a_key()
    )


def follow(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 202, answer.json()
    told = a_program("subscribers").get(answer["Location"])
    assert told.status_code == 200
    job: dict[str, Any] = told.json()
    return job


def test_a_list_is_answered_with_a_job_that_a_worker_does() -> None:
    answer = upload()

    assert answer.json()["state"] == "IMPORTING"
    assert follow(answer)["percent"] == 0
    assert not Subscriber.objects.exists()
    assert tasks.tend_imports() == 1
    job = follow(answer)
    assert (job["state"], job["percent"], job["filename"]) == ("DONE", 100, "crm.csv")
    assert job["counts"] == {
        "total": 2,
        "new": 1,
        "changed": 0,
        "unchanged": 0,
        "kept_opted_out": 0,
        "refused": 1,
        "kept_inactive": 0,
    }
    (refused,) = job["refused"]
    assert (refused["line"], refused["column"]) == (3, "phone")
    event = ConsentEvent.objects.get()
    assert (event.notice, event.actor[:12]) == ("Form of June", "api:program ")


@pytest.mark.parametrize(
    ("content", "media_type", "ending"),
    [
        (CSV.encode(), "text/csv", "csv"),
        (CSV.encode(), "text/csv; charset=utf-8", "csv"),
        (b'{"phone": "9812345601"}\n{"phone": "12"}', "application/x-ndjson", "jsonl"),
        (a_workbook(["phone"], ["9812345601"], ["12"]), XLSX, "xlsx"),
    ],
)
def test_a_list_may_be_the_whole_body(content: bytes, media_type: str, ending: str) -> None:
    answer = send_raw(content, media_type, "consent_source=Form&name=crm")
    tasks.tend_imports()

    job = follow(answer)
    assert (job["state"], job["filename"]) == ("DONE", f"crm.{ending}")
    assert (job["counts"]["new"], job["counts"]["refused"]) == (1, 1)


def test_a_dry_run_writes_nobody_until_it_is_confirmed() -> None:
    answer = upload(dry_run="true", consent_source="")
    assert answer.json()["state"] == "CHECKING"
    confirm = f"{answer['Location']}/confirm"
    program = a_program("subscribers")
    assert program.post(confirm, {"consent_source": "x"}).json()["code"] == "import_not_checked"
    tasks.tend_imports()

    job = follow(answer)
    assert (job["state"], job["counts"]["new"]) == ("CHECKED", 1)
    assert job["refused"][0]["line"] == 3
    assert not Subscriber.objects.exists()
    for wrong in ({}, {"consent_source": "\u200b"}):
        assert program.post(confirm, wrong).json()["errors"][0]["field"] == "consent_source"

    def confirmed() -> tuple[int, str]:
        told = program.post(confirm, {"consent_source": " Form of June"})
        return told.status_code, told.json()["state"]

    assert [confirmed(), confirmed()] == [(202, "IMPORTING")] * 2  # an answer may have been lost
    tasks.tend_imports()
    assert confirmed() == (202, "DONE")
    assert Subscriber.objects.count() == 1
    other = program.post(confirm, {"consent_source": "Form of July"})
    assert (other.status_code, other.json()["code"]) == (409, "import_not_checked")
    assert LogEntry.objects.filter(change_message__contains="Import confirmed").count() == 1


def test_a_list_without_a_consent_source_is_refused() -> None:
    unseen = "%E2%80%8B"  # a space without width
    for answer in (
        upload(consent_source=" "),
        upload(consent_source="\u200b"),
        send_raw(CSV.encode(), "text/csv", ""),
        send_raw(CSV.encode(), "text/csv", f"consent_source={unseen}"),
    ):
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == "consent_source"
    assert not ImportJob.objects.exists()


def test_an_empty_and_a_too_large_list_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert upload(b"").json()["code"] == "list_refused"
    monkeypatch.setattr(jobs, "UPLOAD_BYTES_LIMIT", 10)
    assert upload().json()["code"] == "list_refused"
    monkeypatch.setattr(ImportSubscribers, "body_bytes", 2**20)
    much = a_program("subscribers").generic(
        "POST", ADDRESS, b"x" * (2**20 + 1), "text/csv", headers=a_key()
    )
    assert (much.status_code, much.json()["code"]) == (413, "too_large")


def test_a_file_that_is_no_list_ends_refused_with_the_reason() -> None:
    answer = upload("name\nAsha\n")
    tasks.tend_imports()

    job = follow(answer)
    assert job["state"] == "REFUSED"
    assert job["problem"].startswith("No column for the phone number")


def test_the_same_upload_again_is_the_same_job() -> None:
    program, key = a_program("subscribers"), a_key()

    def send(content: bytes) -> Any:
        body = {"file": SimpleUploadedFile("crm.csv", content), "consent_source": "Form"}
        return program.post(ADDRESS, body, format="multipart", headers=key)

    first, again, other = send(CSV.encode()), send(CSV.encode()), send(b"phone\n1")

    assert again.json() == first.json()
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    assert ImportJob.objects.count() == 1


def test_an_import_is_stopped_once() -> None:
    answer = upload()
    program = a_program("subscribers")

    for _ in range(2):
        stopped = program.delete(answer["Location"])
        assert (stopped.status_code, stopped.json()["state"]) == (200, "CANCELLED")
    assert tasks.tend_imports() == 0
    ended = upload()
    tasks.tend_imports()
    assert program.delete(ended["Location"]).json()["code"] == "import_ended"
    assert program.get(reverse("api:subscribers-import-job", args=[10**30])).status_code == 404


def test_what_the_address_says_is_checked_beside_a_form_too() -> None:
    form = {"file": SimpleUploadedFile("people.csv", b"phone\n9812345601"), "dry_run": True}
    answer = a_program("subscribers").post(
        f"{ADDRESS}?name={'x' * 91}", form, format="multipart", headers=a_key()
    )
    assert answer.status_code == 400
    assert [one["field"] for one in answer.json()["errors"]] == ["name"]


def undo(job: dict[str, Any], *, reason: str = "Wrong list") -> Any:
    address = f"{ADDRESS}/{job['id']}/undo"
    return a_program("subscribers").post(address, {"reason": reason}, format="json")


def test_an_import_is_undone_and_again_is_no_error() -> None:
    job = follow(upload())
    tasks.tend_imports()
    program = a_program("subscribers")

    before = program.get(f"{ADDRESS}/{job['id']}/undo").json()
    nobody = {"messaged": 0, "opted_out": 0, "changed": 0, "named": 0}
    assert before == {
        "state": "POSSIBLE",
        "problem": "",
        "percent": 0,
        "removed": 1,
        "kept": nobody,
        "not_undone": 0,
    }
    for _ in range(2):
        answer = undo(job)
        assert (answer.status_code, answer.json()["state"]) == (202, "UNDOING")
    tasks.tend_imports()
    done = undo(job).json()
    assert (done["state"], done["percent"], done["removed"]) == ("UNDONE", 100, 1)
    assert program.get(f"{ADDRESS}/{job['id']}/undo").json() == done
    assert not Subscriber.objects.existing().exists()
    entries = LogEntry.objects.filter(change_message__contains="Import undone.")
    assert [("Wrong list" in entry.change_message) for entry in entries] == [True]
    assert follow(upload())["state"] == "IMPORTING"
    tasks.tend_imports()
    assert Subscriber.objects.eligible().count() == 1


def test_what_cannot_be_undone_is_a_conflict_that_says_why() -> None:
    job = follow(upload())

    answer = undo(job)
    assert (answer.status_code, answer.json()["code"]) == (409, "import_not_undoable")
    assert answer.json()["detail"] == "Only an import that has ended can be undone."
    told = a_program("subscribers").get(f"{ADDRESS}/{job['id']}/undo").json()
    assert (told["state"], told["problem"]) == ("IMPOSSIBLE", answer.json()["detail"])
    assert undo(job, reason=" ").status_code == 400
    assert undo({"id": 10**9}).status_code == 404
