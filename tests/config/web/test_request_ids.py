"""Each request has an id: in its answer, on error pages and in its log lines."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import path

from config.settings.logs import JsonFormatter, TextFormatter
from config.urls import handler400, handler404, handler500, urlpatterns

OWN = r"[a-z]{4}-[a-z]{4}-[a-z]{4}"
log = logging.getLogger("tests.request_ids")


def broken(_request: Any) -> None:
    log.warning("about to fail")
    raise RuntimeError("broken")


urlpatterns = [*urlpatterns, path("broken/", broken)]
__all__ = ["handler400", "handler404", "handler500"]


class Lines(logging.Handler):
    """Lines as they are written, in both formats."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def emit(self, record: logging.LogRecord) -> None:
        written = TextFormatter().format(record), json.loads(JsonFormatter().format(record))
        self.lines.append(written)


@pytest.fixture
def lines(settings: Any) -> Any:
    settings.ROOT_URLCONF = __name__
    handler = Lines()
    log.addHandler(handler)
    yield handler.lines
    log.removeHandler(handler)


def test_the_answer_the_page_and_the_log_of_an_error_have_one_id(lines: Any) -> None:
    answer = Client(raise_request_exception=False).get("/broken/")

    request_id = answer["X-Request-ID"]
    assert answer.status_code == 500
    assert re.fullmatch(OWN, request_id)
    assert f"Reference: {request_id}" in answer.content.decode()
    text, entry = lines[0]
    assert f"WARNING tests.request_ids [{request_id}]: about to fail" in text
    assert entry["request"] == request_id


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/nothing/here", "/admin/%00/", "/admin/nothing/"])
def test_every_other_error_page_has_one(address: str) -> None:
    client = Client()
    answer = client.get(address, follow=True)

    assert re.fullmatch(OWN, answer["X-Request-ID"])
    if answer.status_code in (400, 404):
        assert f"Reference: {answer['X-Request-ID']}" in answer.content.decode()


@pytest.mark.django_db
def test_each_request_has_another_also_in_the_api() -> None:
    seen = {Client().get("/api/subscribers")["X-Request-ID"] for _ in range(3)}
    assert len(seen) == 3


UUIDS = ["5f0c7a1e-2b34-4c56-9d78-0a1b2c3d4e5f", "5F0C7A1E2B344C569D780A1B2C3D4E5F"]


@pytest.mark.parametrize("given", UUIDS)
def test_a_uuid_from_a_proxy_is_kept(given: str) -> None:
    assert Client().get("/health/live", headers={"X-Request-ID": given})["X-Request-ID"] == given


@pytest.mark.parametrize(
    "given",
    [
        "",
        "919812345678",
        "x" * 33,
        f"{UUIDS[0]}0",
        f"{UUIDS[0]}\n2026 INFO forged",
        "<script>",
        "5f0c7a1e-2b34-4c56-9d78-0a1b2c3d4e5\u0661",
    ],
)
def test_anything_else_from_outside_is_replaced(given: str) -> None:
    answer = Client().get("/health/live", headers={"X-Request-ID": given})
    assert re.fullmatch(OWN, answer["X-Request-ID"])


def test_outside_a_request_lines_are_as_before() -> None:
    record = logging.LogRecord("worker", logging.INFO, "", 1, "Done.", None, None)
    assert TextFormatter().format(record).endswith("INFO worker: Done.")
    assert "request" not in json.loads(JsonFormatter().format(record))
