"""Content that a program submits and a person decides on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from distribution.content import approval, eligible_numbers, media
from distribution.mirror import template_sync
from distribution.models import Content, MessageTemplate
from phonepool.cloud_api import client as cloud_api
from phonepool.cloud_api.media import MediaFile as CheckedFile
from phonepool.models import PhoneNumber
from tests.api.tokens import a_key, a_program
from tests.builders import a_number, a_user
from tests.distribution.content_staff import RICH, a_plain_template, a_rich_template
from tests.distribution.staff import a_member
from tests.sandbox.harness import ONE, TOKEN, TWO, WABA, SandboxProcess, start

pytestmark = pytest.mark.django_db
SUBMIT = "/api/distribution/content/submit"
UPLOAD = "/api/distribution/content/upload"
PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 50


def words(template: MessageTemplate, **fields: Any) -> dict[str, Any]:
    day = timezone.localdate() + timedelta(days=1)
    return {
        "title": "The day ahead",
        "day": day.isoformat(),
        "message_template": template.pk,
        "body_variables": ["{name}", "Nifty opens flat"],
        **fields,
    }


def test_it_is_submitted_by_the_tokens_person_and_decided_by_another() -> None:
    asha = a_member("Editor", "asha")
    client = a_program("content", user=asha)
    answer = client.post(SUBMIT, words(a_plain_template()), headers=a_key())
    assert (answer.status_code, answer.json()["state"]) == (201, "SUBMITTED")
    content = Content.objects.get()
    assert answer["Location"] == answer.json()["url"] == f"/api/distribution/content/{content.pk}"
    with pytest.raises(approval.ApprovalError):
        approval.approve(content, by=asha, now=timezone.now(), reason="own")
    approval.reject(content, by=a_user("ravi"), now=timezone.now(), reason="A typo.")
    told = client.get(answer["Location"]).json()
    assert (told["state"], told["author"]) == ("REJECTED", "asha")
    assert told["decisions"][-1] == {
        "decision": "REJECTED",
        "by": "ravi",
        "reason": "A typo.",
        "at": told["decisions"][-1]["at"],
    }


def test_what_the_rules_refuse_is_told_and_leaves_nothing() -> None:
    client, template = a_program("content"), a_plain_template()
    wrong = words(template, body_variables=["{nick}", "two\nlines"])
    answer = client.post(SUBMIT, wrong, headers=a_key())
    assert answer.status_code == 400
    told = " ".join(one["detail"] for one in answer.json()["errors"])
    assert "Unknown placeholder {nick}" in told
    assert "Remove line breaks" in told
    assert not Content.objects.exists()


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"day": "2020-01-01"}, "day", "past"),
        ({"is_fallback": True}, "", "day_or_fallback"),
        ({"message_template": 999_999}, "message_template", "unknown"),
        ({"body_variables": "x"}, "body_variables", "not_a_list"),
        ({"body_variables": [1]}, "body_variables.0", "invalid"),
        ({"media": {"type": "image"}}, "media.id", "required"),
        ({"headline": "x", "media": {"type": "image", "id": "1"}}, "", "both_given"),
    ],
)
def test_a_wrong_field_is_named_by_its_path(fields: dict[str, Any], field: str, code: str) -> None:
    client = a_program("content")
    answer = client.post(SUBMIT, words(a_plain_template(), **fields), headers=a_key())
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [(field, code)]


@pytest.fixture
def meta(settings: Any) -> Iterator[SandboxProcess]:
    sandbox = start()
    settings.WHATSAPP_API_BASE, settings.WHATSAPP_ACCESS_TOKEN = sandbox.url, TOKEN
    settings.WHATSAPP_BUSINESS_ID = WABA
    sandbox.control("POST", "template/morning", {"components": RICH})
    yield sandbox
    cloud_api.client().close()
    sandbox.stop()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_file_is_left_with_meta_once_however_often_it_is_sent(meta: SandboxProcess) -> None:
    a_number(meta_id=ONE)
    template_sync.sync(cloud_api.client(), now=datetime.now(UTC))
    template = MessageTemplate.objects.get(name="morning")
    body, key = json.dumps(words(template, button_variables={"1": "today"})), a_key()
    client = a_program("content")

    def send(file: bytes = PNG) -> Any:
        upload = SimpleUploadedFile("chart.png", file, "image/png")
        form = {"content": body, "file": upload}
        return client.post(UPLOAD, form, format="multipart", headers=key)

    first, again = send(), send()
    assert first.status_code == 201, first.content
    assert (again.status_code, again["Idempotent-Replayed"]) == (201, "true")
    assert send(PNG + b"more").status_code == 422
    content = Content.objects.get()
    uploaded = first.json()["media"]["uploaded_at"]
    assert datetime.fromisoformat(uploaded).isoformat().endswith("+05:30")
    assert meta.get(content.media["ids"][ONE]).json()["mime_type"] == "image/png"
    key = a_key()
    refused = send(b"no picture")
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == "file"


@pytest.fixture
def other_file(meta: SandboxProcess) -> str:
    """The id of a file that the pool's number uploaded, but not through this product."""
    a_number(meta_id=ONE)
    template_sync.sync(cloud_api.client(), now=datetime.now(UTC))
    return cloud_api.client().upload_media(ONE, CheckedFile("image", "a.png", "image/png", PNG))


def submit_named(kind: str, media_id: str) -> Any:
    template = MessageTemplate.objects.get(name="morning")
    above = {"media": {"type": kind, "id": media_id}, "button_variables": {"1": "today"}}
    return a_program("content").post(SUBMIT, words(template, **above), headers=a_key())


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_file_that_is_with_meta_is_carried_by_the_number_that_uploaded_it(
    meta: SandboxProcess, other_file: str
) -> None:
    first = PhoneNumber.objects.get()
    a_number(meta_id=TWO)

    answer = submit_named("image", other_file)

    assert answer.status_code == 201, answer.json()
    assert answer.json()["media"] == {"type": "image", "id": other_file, "uploaded_at": None}
    content = Content.objects.get()
    assert eligible_numbers.for_content(content, timezone.localdate()).media_ids == {
        first.pk: other_file
    }


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("unknown", ["4711", "no id", "../1"])
def test_a_file_that_meta_does_not_know_is_refused(
    meta: SandboxProcess, other_file: str, unknown: str
) -> None:
    """Cases A3 and A5: it failed for everybody."""
    (error,) = refused_media(submit_named("image", unknown))

    assert error["detail"].startswith(f"Meta has no file {unknown} for any of your phone numbers")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_another_numbers_file_is_refused(meta: SandboxProcess, other_file: str) -> None:
    PhoneNumber.objects.update(meta_id=TWO)

    (error,) = refused_media(submit_named("image", other_file))

    assert "or belongs to another number. Send the file itself." in error["detail"]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_an_id_of_a_file_that_was_uploaded_here_means_all_its_copies(
    meta: SandboxProcess,
) -> None:
    a_number(meta_id=ONE)
    a_number(meta_id=TWO)
    template_sync.sync(cloud_api.client(), now=datetime.now(UTC))
    header = media.upload("image", "a.png", PNG, api=cloud_api.client(), now=datetime.now(UTC))

    answer = submit_named("image", header["ids"][TWO])

    assert answer.status_code == 201, answer.json()
    assert answer.json()["media"]["id"] == header["id"]
    numbers = eligible_numbers.for_content(Content.objects.get(), timezone.localdate())
    assert sorted(numbers.media_ids.values()) == sorted(header["ids"].values())


@pytest.mark.django_db
def test_without_an_answer_from_meta_it_can_be_tried_again(settings: Any) -> None:
    settings.WHATSAPP_API_BASE = "http://127.0.0.1:9"
    a_number()
    a_rich_template(name="morning")

    (error,) = refused_media(submit_named("image", "4711"))

    assert error["detail"].startswith("Meta did not confirm file 4711: ")


def refused_media(answer: Any) -> Any:
    assert answer.status_code == 400, answer.content
    assert [one["field"] for one in answer.json()["errors"]] == ["media.id"]
    assert not Content.objects.exists()
    return answer.json()["errors"]
