"""Bodies that come in chunks, as many clients send them: read like any other, by a real server."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import RequestFactory
from django.utils import timezone

from distribution.api.http import middleware
from distribution.api.resources.imports import FORM_OVERHEAD_BYTES
from distribution.models import Distribution
from subscribers.models import ImportFile, Subscriber
from tests.api.tokens import a_header, a_key
from tests.builders import an_approved_content

TRIGGER = "/api/distribution/trigger"
ADD = "/api/distribution/subscribers/add"
IMPORT = "/api/distribution/subscribers/import"
FORM = b'--x\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n'
LIST = FORM % (b"file", b'; filename="crm.csv"', b"phone\n9812345601") + (
    FORM % (b"consent_source", b"", b"Form of June") + b"--x--\r\n"
)


@pytest.fixture
def send(serve: Callable[..., int]) -> Callable[..., tuple[int, Any]]:
    """POSTs pieces of a body to a real server, without their length."""
    port = serve(IMPORT_MAX_MB="1")
    header = a_header("subscribers", "distribute")

    def post(path: str, pieces: Iterator[bytes] | list[bytes], kind: str) -> tuple[int, Any]:
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        link.request("POST", path, iter(pieces), {**header, **a_key(), "Content-Type": kind})
        answer = link.getresponse()
        told = answer.status, json.loads(answer.read())
        link.close()
        return told

    return post


def test_what_comes_in_chunks_is_not_taken_for_nothing(send: Callable[..., Any]) -> None:
    """One server for all of them: starting one takes longer than using it."""
    an_approved_content(day=timezone.localdate())
    status, told = send(TRIGGER, [b'{"dry_', b'run": true}'], "application/json")
    assert status == 200, told
    assert told["dry_run"]
    assert not Distribution.objects.exists()

    person = {"phone": "9812345601", "consent_source": "Form of June"}
    status, told = send(ADD, [json.dumps(person).encode()], "application/json")
    assert (status, told["phone"]) == (201, "+919812345601")
    assert Subscriber.objects.count() == 1

    status, told = send(f"{IMPORT}?dry_run=true", [b"phone\n", b"9812345601"], "text/csv")
    assert (status, told["state"]) == (202, "CHECKING")
    assert bytes(ImportFile.objects.get().content) == b"phone\n9812345601"

    status, told = send(IMPORT, [LIST[:40], LIST[40:]], "multipart/form-data; boundary=x")
    assert (status, told["filename"]) == (202, "crm.csv")

    begin = FORM[:-4] % (b"file", b'; filename="crm.csv"')
    for path, begin_with, limit, kind in (
        (ADD, b'"', 2**20, "application/json"),
        (
            IMPORT,
            begin,
            2**20 + FORM_OVERHEAD_BYTES,
            "multipart/form-data; boundary=x",
        ),
    ):  # a byte too many: a server that is sent more may answer before it is read
        status, told = send(path, [begin_with, b"x" * (limit + 1 - len(begin_with))], kind)
        assert (status, told["code"]) == (413, "too_large"), kind
    status, told = send(f"{IMPORT}?consent_source=Form", [b"x" * (2**20 + 1)], "text/csv")
    assert (status, told["code"]) == (400, "list_refused")


def test_a_server_that_does_not_decode_chunks_asks_for_the_length() -> None:
    request = RequestFactory().post(ADD, HTTP_TRANSFER_ENCODING="chunked")
    answer = middleware.ApiMiddleware(lambda _: None).process_view(request, None, (), {})  # type: ignore[arg-type, return-value]
    assert answer is not None
    assert (answer.status_code, json.loads(answer.content)["code"]) == (411, "no_length")
