"""Downloads and uploads: few at once, fewer for each caller; others are answered meanwhile."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from subscribers import slots, stalled_readers
from subscribers.slots import Busy, Download, Slots
from tests.api.test_imports import upload
from tests.api.tokens import a_program
from tests.builders import a_user
from tests.mornings import a_morning
from tests.serving import serve

__all__ = ["serve"]
SCOPES = ("subscribers", "read")
CSV = {"headers": {"Accept": "text/csv"}}


def all_free() -> bool:
    return slots.downloads.taken() == slots.uploads.taken() == 0


def an_exporter() -> APIClient:
    user = a_user()
    user.is_staff = user.is_superuser = True
    user.save()
    return a_program(*SCOPES, user=user)


def hang_up(answer: Any) -> None:
    """What the server does when the reader is gone; without the signal that ends our connection."""
    for close in answer._resource_closers:
        close()


def export(client: APIClient, path: str) -> Any:
    return client.get(path, **CSV)


def test_a_caller_has_two_downloads_and_all_together_three(db: None) -> None:
    path = f"/api/distribution/{a_morning(3, now=timezone.now()).pk}/deliveries?reason=x"
    one, other = an_exporter(), an_exporter()
    under_way = [export(one, path), export(one, path), export(other, path)]
    assert [answer.status_code for answer in under_way] == [200, 200, 200]

    refused, busy = export(one, path), export(other, path)
    assert (refused.status_code, refused["Retry-After"]) == (429, "30")
    assert (busy.status_code, busy["Retry-After"]) == (503, "30")
    assert {refused.json()["code"], busy.json()["code"]} == {"too_many_at_once"}
    assert one.get(path).status_code == 200  # as JSON

    assert b"".join(under_way[0].streaming_content).count(b"\n") == 4  # read to its end
    hang_up(under_way[1])
    again = export(one, path)
    assert again.status_code == 200
    hang_up(again)
    hang_up(under_way[2])
    assert all_free()


def test_the_admin_is_refused_alike(admin_client: Any) -> None:
    taken = [slots.downloads.take(str(number)) for number in range(3)]
    answer = admin_client.get(reverse("admin:subscribers_importjob_sample"))
    assert (answer.status_code, answer.headers.get("Retry-After")) == (503, "30")
    assert slots.downloads.taken() == len(taken)


def test_uploads_are_limited_before_their_body_is_read(db: None) -> None:
    taken = [slots.uploads.take(str(number)) for number in range(3)]
    refused = upload()
    assert (refused.status_code, refused.json()["code"]) == (503, "too_many_at_once")
    for slot in taken:
        slot.release()
    assert upload().status_code == 202
    assert all_free()


def test_a_slot_is_released_once() -> None:
    places = Slots(total=2, each=1)
    one = places.take("a")
    with pytest.raises(Busy) as told:
        places.take("a")
    assert told.value.by_caller
    one.release()
    one.release()
    both = [places.take("a"), places.take("b")]
    with pytest.raises(Busy) as told:
        places.take("c")
    assert not told.value.by_caller
    assert len(both) == 2


def test_a_download_that_takes_too_long_ends_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "DOWNLOAD_SECONDS", -1.0)
    assert list(Download(iter(["a", "b"]), Slots(1, 1).take("a"))) == [slots.INCOMPLETE]


def test_a_download_that_breaks_frees_its_place() -> None:
    places = Slots(1, 1)

    def broken() -> Iterator[str]:
        yield "a"
        raise ValueError("the database is away")

    download = Download(broken(), places.take("a"))
    assert next(download) == "a"
    with pytest.raises(ValueError, match="away"):
        next(download)
    places.take("b").release()


def test_the_look_at_connections_leaves_nothing_open() -> None:
    stalled_readers.limit_stalls()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        stalled_readers.limit_stalls()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def ask(port: int) -> bytes:
    """How many downloads are under way; waits for a thread to say so."""
    probe = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        probe.request("GET", "/")
        return probe.getresponse().read()
    finally:
        probe.close()


def test_who_reads_nothing_is_hung_up_on(serve: Callable[..., int]) -> None:
    """All four threads wait for readers that do not read; the kernel ends them."""
    port = serve("tests.api.stalling_app:application")
    stalled = [socket.socket() for _ in range(4)]
    for link in stalled:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.connect(("127.0.0.1", port))
        link.sendall(b"GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n")
    time.sleep(1)  # until all four are stuck
    end = time.monotonic() + 60
    while (under_way := ask(port)) != b"0":
        assert time.monotonic() < end, under_way
    assert stalled_readers.STALL_MILLISECONDS == 30_000
    for link in stalled:
        link.close()


def test_files_that_wait_are_limited(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from subscribers.importing import jobs

    monkeypatch.setattr(jobs, "WAITING_LIMIT", 2)
    assert [upload().status_code for _ in range(2)] == [202, 202]
    refused = upload()
    assert (refused.status_code, refused["Retry-After"]) == (429, "30")
    monkeypatch.setattr(jobs, "WAITING_LIMIT", 9)
    monkeypatch.setattr(jobs, "KEPT_BYTES_LIMIT", 10)
    assert json.loads(upload().content)["code"] == "too_many_at_once"
