"""The client itself: one a process, and its reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import responses

from phonepool.cloud_api import client, credentials
from phonepool.cloud_api.client import AccountFacts, CloudApi, OutcomeKind
from phonepool.errors import WITHDRAWN, classify
from phonepool.exceptions import CloudApiError, NotSent, Rejected
from tests.phonepool.hostile_server import (
    HostileServer,
    never_respond,
    refusing_url,
    reset,
    respond,
    send_raw,
    timeouts_for,
)
from tests.phonepool.prepared import a_message, all_outcomes, send

MakeApi = Callable[..., CloudApi]


def refusal(code: int, details: str = "") -> bytes:
    return json.dumps({"error": {"code": code, "message": f"(#{code}) No {details}"}}).encode()


def test_a_process_has_one_client_and_a_child_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = client.client()
    assert client.client() is ours
    with monkeypatch.context() as child:
        child.setattr(client.os, "getpid", lambda: -1)
        theirs = client.client()
        assert theirs is not ours
    assert client.client() is ours


def test_a_new_token_in_the_file_is_in_force_without_a_restart(
    settings: Any, tmp_path: Path
) -> None:
    settings.WHATSAPP_ACCESS_TOKEN_FILE = str(tmp_path / "token")
    assert credentials.access_token() == "test-token"  # no file yet
    before = client.client()

    (tmp_path / "token").write_text("EAAnew\n")
    assert credentials.access_token() == "EAAnew"
    after = client.client()

    assert after is not before
    assert client.client() is after


def test_a_file_that_holds_no_token_leaves_the_old_one_and_shows_nothing(
    settings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings.WHATSAPP_ACCESS_TOKEN_FILE = str(tmp_path / "token")
    for content in (b"", b" \n", b"secret-\xff"):
        (tmp_path / "token").write_bytes(content)
        assert credentials.access_token() == "test-token"
    assert "UnicodeDecodeError" in caplog.text
    assert "secret-" not in caplog.text


def test_changed_settings_make_a_new_client(settings: Any) -> None:
    before = client.client()
    settings.WHATSAPP_API_BASE = "http://127.0.0.1:1"
    after = client.client()
    assert after is not before
    assert [outcome.kind for outcome in all_outcomes(send(after, [a_message()]))] == [
        OutcomeKind.NOT_SENT
    ]
    assert [outcome.failure for outcome in all_outcomes(send(before, [a_message()]))] == [WITHDRAWN]


GRAPH = "https://graph.example"


@pytest.fixture
def reader(make_api: MakeApi) -> CloudApi:
    return make_api(GRAPH)


@responses.activate
def test_a_phone_number_is_read_with_all_that_meta_tells(reader: CloudApi) -> None:
    document = {
        "id": "100200300",
        "status": "CONNECTED",
        "quality_rating": "GREEN",
    }
    responses.get(f"{GRAPH}/v25.0/100200300", json=document)
    facts = reader.phone_number("100200300")
    assert (facts.id, facts.status, facts.quality_rating) == ("100200300", "CONNECTED", "GREEN")
    assert responses.calls[0].request.headers["Authorization"] == "Bearer a-token-of-tests"


@responses.activate
def test_what_meta_leaves_out_is_empty(reader: CloudApi) -> None:
    responses.get(f"{GRAPH}/v25.0/1", json={"id": 1, "quality_score": None, "status": ["odd"]})
    facts = reader.phone_number("1")
    assert (facts.id, facts.status, facts.quality_rating) == ("1", "", "")


@responses.activate
def test_a_list_is_read_page_by_page(reader: CloudApi) -> None:
    def page(names: list[str], after: str) -> dict[str, Any]:
        link = {"next": "https://elsewhere.example/steal"} if after else {}
        items = [{"name": name, "language": "en-US", "status": "APPROVED"} for name in names]
        return {"data": items, "paging": {"cursors": {"after": after or "end"}, **link}}

    url = f"{GRAPH}/v25.0/900/message_templates"
    responses.get(url, json=page(["a", "b"], "one"))
    responses.get(url, json=page(["c"], ""))
    templates = reader.message_templates("900")
    assert [(template.name, template.language) for template in templates] == [
        ("a", "en_US"),
        ("b", "en_US"),
        ("c", "en_US"),
    ]
    asked = [call.request.params for call in responses.calls]  # type: ignore[union-attr]
    assert [query.get("after") for query in asked] == [None, "one"]


@responses.activate
def test_the_numbers_of_an_account_are_one_list(reader: CloudApi) -> None:
    numbers = [{"id": "1", "status": "CONNECTED"}, {"id": "2", "quality_rating": "RED"}]
    responses.get(f"{GRAPH}/v25.0/900/phone_numbers", json={"data": numbers})
    found = reader.phone_numbers("900")
    assert [(one.id, one.status, one.quality_rating) for one in found] == [
        ("1", "CONNECTED", ""),
        ("2", "", "RED"),
    ]


HEALTH = {
    "can_send_message": "BLOCKED",
    "entities": [
        {
            "entity_type": "WABA",
            "can_send_message": "BLOCKED",
            "errors": [{"error_code": 141006}, {"error_code": "odd"}, None],
        },
        {"entity_type": "BUSINESS", "can_send_message": "LIMITED", "additional_info": ["…"]},
        "odd",
    ],
}


@responses.activate
def test_an_account_tells_its_review_and_what_blocks_it(reader: CloudApi) -> None:
    document = {"health_status": HEALTH, "account_review_status": "REJECTED", "id": "900"}
    responses.get(f"{GRAPH}/v25.0/900", json=document)
    blocked = AccountFacts("REJECTED", "BLOCKED", ("WABA 141006",), is_funded=False)
    assert reader.account("900") == blocked


@responses.activate
def test_an_account_with_a_payment_method_names_it(reader: CloudApi) -> None:
    responses.get(f"{GRAPH}/v25.0/900", json={"id": "900", "primary_funding_id": "6"})
    assert reader.account("900").is_funded


@responses.activate
@pytest.mark.parametrize(
    ("told", "read"),
    [
        ({"currency": "INR", "timezone_id": "71"}, ("INR", "Asia/Kolkata")),
        ({"currency": "usd", "timezone_id": 1}, ("USD", "America/Los_Angeles")),
        ({"currency": "RUPEES", "timezone_id": "9999"}, ("", "")),
        ({"currency": 5, "timezone_id": []}, ("", "")),
        ({}, ("", "")),
    ],
)
def test_an_account_tells_its_currency_and_time_zone(reader: CloudApi, told, read) -> None:
    responses.get(f"{GRAPH}/v25.0/900", json=told)
    facts = reader.account("900")
    assert (facts.currency, facts.time_zone) == read


@responses.activate
def test_an_app_that_may_not_read_the_review_reads_the_health(reader: CloudApi) -> None:
    error = {"error": {"code": 100, "message": "(#100) Tried accessing nonexisting field"}}
    responses.get(f"{GRAPH}/v25.0/900", json=error, status=400)
    responses.get(f"{GRAPH}/v25.0/900", json={"health_status": {"can_send_message": "AVAILABLE"}})
    assert reader.account("900") == AccountFacts("", "AVAILABLE")


def a_stale_cursor(url: str) -> None:
    error = {"code": 131059, "message": "Invalid cursor", "fbtrace_id": "A"}
    responses.get(url, json={"error": error}, status=400)


@responses.activate
def test_a_list_whose_cursor_went_stale_begins_again_once(reader: CloudApi) -> None:
    """G9: no template is missed, and none comes twice."""
    url = f"{GRAPH}/v25.0/900/message_templates"
    first = {"data": [{"id": "1"}], "paging": {"cursors": {"after": "a"}, "next": "…"}}
    responses.get(url, json=first)
    a_stale_cursor(url)
    responses.get(url, json=first)
    responses.get(url, json={"data": [{"id": "2"}]})

    assert [facts.id for facts in reader.message_templates("900")] == ["1", "2"]
    asked = [call.request.params.get("after") for call in responses.calls]  # type: ignore[union-attr]
    assert asked == [None, "a", None, "a"]


@responses.activate
def test_a_list_whose_cursors_stay_stale_is_given_up(reader: CloudApi) -> None:
    url = f"{GRAPH}/v25.0/900/message_templates"
    a_stale_cursor(url)
    a_stale_cursor(url)

    with pytest.raises(Rejected):
        reader.message_templates("900")
    assert len(responses.calls) == 2


@responses.activate
def test_a_list_that_goes_in_circles_ends(reader: CloudApi) -> None:
    paging = {"cursors": {"after": "again"}, "next": f"{GRAPH}/again"}
    responses.get(
        f"{GRAPH}/v25.0/900/message_templates", json={"data": [{"id": "1"}], "paging": paging}
    )
    assert [facts.id for facts in reader.message_templates("900")] == ["1", "1"]


@responses.activate
def test_odd_items_of_a_list_are_skipped(reader: CloudApi) -> None:
    responses.get(f"{GRAPH}/v25.0/900/message_templates", json={"data": [None, 7, {"id": "1"}]})
    assert [facts.id for facts in reader.message_templates("900")] == ["1"]


@responses.activate
def test_a_refused_read_raises_our_error(reader: CloudApi) -> None:
    responses.get(f"{GRAPH}/v25.0/1", status=401, body=refusal(190))
    with pytest.raises(Rejected) as caught:
        reader.phone_number("1")
    assert (caught.value.failure, caught.value.http_status) == (classify(190), 401)


@pytest.mark.parametrize(
    "behaviour", [reset, never_respond, respond(200, b"[]"), send_raw(b"junk")]
)
def test_reads_raise_our_errors_only(
    make_api: MakeApi, server: HostileServer, behaviour: Any
) -> None:
    server.behaviour = behaviour
    with pytest.raises(CloudApiError):
        make_api(server.url, **timeouts_for(behaviour)).message_templates("900")


def test_a_read_without_a_connection_was_not_sent(make_api: MakeApi) -> None:
    with pytest.raises(NotSent):
        make_api(refusing_url()).phone_number("1")
