"""Files are sent to the admin by few at once; who is refused is refused before the body is read."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpRequest
from django.test import Client
from django.urls import reverse

from config.web.few_uploads import SMALL
from subscribers import slots
from subscribers.models import ImportJob
from tests.distribution.staff import a_client

pytestmark = pytest.mark.django_db
LARGE = b"phone,name\n98450 12365,Asha\n" + b"\n" * SMALL


def upload(client: Client, content: bytes = LARGE) -> Any:
    url = reverse("admin:subscribers_importjob_add")
    key = re.search(r'name="form_key" value="([^"]+)"', client.get(url).content.decode())
    file = SimpleUploadedFile("list.csv", content)
    return client.post(url, {"file": file, "form_key": key.group(1) if key else ""})


def test_a_full_house_refuses_before_it_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = [slots.uploads.take(str(number)) for number in range(3)]
    client, read = a_client("Administrator"), []
    load = HttpRequest._load_post_and_files  # type: ignore[attr-defined]

    def reading(request: HttpRequest) -> None:
        read.append(request.method)
        load(request)

    monkeypatch.setattr(HttpRequest, "_load_post_and_files", reading)

    refused = upload(client)

    assert (refused.status_code, refused["Retry-After"], read) == (503, "30", ["GET"])
    assert upload(client, b"phone,name\n98450 12365,Asha\n").status_code == 302  # small: at once
    for slot in taken:
        slot.release()
    assert upload(client).status_code == 302
    assert ImportJob.objects.count() == 2
    assert slots.uploads.taken() == 0


def test_one_person_has_two_places_and_a_stranger_takes_none_of_a_persons() -> None:
    client = a_client("Administrator")
    person = client.session["_auth_user_id"]
    taken = [slots.uploads.take(f"user {person}") for _ in range(2)]
    assert upload(client).status_code == 429
    assert len(taken) == 2
    stranger = Client().post(
        reverse("admin:login"), {"file": SimpleUploadedFile("list.csv", LARGE)}
    )
    assert stranger.status_code in (200, 302, 403)
    assert slots.uploads.taken() == 2


def test_the_length_of_a_body_that_names_none_is_not_trusted() -> None:
    taken = [slots.uploads.take(str(number)) for number in range(3)]
    client = a_client("Administrator")
    chunked = client.post(
        reverse("admin:subscribers_importjob_add"),
        {"file": SimpleUploadedFile("list.csv", b"phone\n")},
        headers={"Transfer-Encoding": "chunked"},
    )
    assert chunked.status_code == 503
    assert len(taken) == 3
