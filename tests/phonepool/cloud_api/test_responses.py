"""Answers as values: what each means, and that no bytes whatever upset the reader."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phonepool.cloud_api import message_templates, responses
from phonepool.cloud_api.message_templates import language_code
from phonepool.cloud_api.responses import (
    OutcomeKind,
    next_cursor,
    read_object,
    read_send,
)
from phonepool.cloud_api.transport import Response
from phonepool.errors import PROXY_ANSWER, SERVER_FAULT, UNREADABLE, Action
from phonepool.exceptions import CloudApiError, Rejected, Unanswered

WAMID = "wamid.HBgMOTE5ODEyMzQ1Njc4"


def response(status: int, document: Any, **headers: str) -> Response:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Response(
        status, {name.replace("_", "-").lower(): v for name, v in headers.items()}, body
    )


def accepted(**message: Any) -> dict[str, Any]:
    return {"messages": [{"id": WAMID, **message}]}


def refusal(code: Any, **fields: Any) -> dict[str, Any]:
    return {"error": {"message": f"(#{code}) No", "code": code, "fbtrace_id": "Atrace", **fields}}


@pytest.mark.parametrize("status", [200, 201, 202, 299])
def test_a_2xx_with_an_id_is_accepted(status: int) -> None:
    answer = read_send(response(status, accepted(message_status="accepted")))
    assert (answer.kind, answer.wamid, answer.failure) == (OutcomeKind.ACCEPTED, WAMID, None)


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("held_for_quality_assessment", OutcomeKind.HELD),
        ("paused", OutcomeKind.HELD),
        ("something_new", OutcomeKind.ACCEPTED),
        (None, OutcomeKind.ACCEPTED),
        (7, OutcomeKind.ACCEPTED),
    ],
)
def test_a_held_message_is_told_apart(word: Any, kind: OutcomeKind) -> None:
    answer = read_send(response(200, accepted(message_status=word)))
    assert (answer.kind, answer.wamid) == (kind, WAMID)


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        None,
        7,
        {"messages": []},
        {"messages": {}},
        {"messages": [None]},
        {"messages": [{}]},
        {"messages": [{"id": ""}]},
        {"messages": [{"id": 7}]},
        {"messages": [{"id": "wamid.\x00"}]},
        {"messages": [{"id": "wamid.é"}]},
        {"messages": [{"id": "w" * 513}]},
        {"success": True},
        refusal(130429),
        b"",
        b"<html>OK</html>",
        b'{"messages":[{"id":"wamid.cut',
        b"\xff\xfe",
        b"[" * 60_000,
        b"1" * 60_000,
    ],
)
def test_a_2xx_without_a_usable_id_leaves_the_outcome_open(document: Any) -> None:
    answer = read_send(response(200, document))
    assert (answer.kind, answer.failure, answer.wamid) == (OutcomeKind.UNKNOWN, UNREADABLE, "")
    assert answer.http_status == 200


@pytest.mark.parametrize(
    ("status", "code", "kind", "slug"),
    [
        (400, 130429, OutcomeKind.REJECTED, "throughput_exceeded"),
        (429, 130429, OutcomeKind.REJECTED, "throughput_exceeded"),
        (400, 131056, OutcomeKind.REJECTED, "pair_rate_limited"),
        (400, 1, OutcomeKind.REJECTED, "api_error"),
        (400, 131000, OutcomeKind.REJECTED, "send_failed"),
        (401, 190, OutcomeKind.REJECTED, "token_invalid"),
        (404, 132001, OutcomeKind.REJECTED, "template_not_found"),
        (400, 424242, OutcomeKind.REJECTED, "unlisted"),
        (500, 131016, OutcomeKind.REJECTED, "service_unavailable"),
        (503, 2, OutcomeKind.REJECTED, "service_down"),
        (500, 131045, OutcomeKind.REJECTED, "number_certificate"),
        (400, "131026", OutcomeKind.REJECTED, "undeliverable"),
        (500, 1, OutcomeKind.UNKNOWN, "server_fault"),
        (500, 131000, OutcomeKind.UNKNOWN, "server_fault"),
        (503, 424242, OutcomeKind.UNKNOWN, "server_fault"),
    ],
)
def test_an_error_with_a_code_is_a_refusal_unless_the_server_fell_over(
    status: int, code: Any, kind: OutcomeKind, slug: str
) -> None:
    answer = read_send(response(status, refusal(code)))
    assert answer.failure is not None
    assert (answer.kind, answer.failure.slug, answer.code) == (kind, slug, int(code))
    assert (answer.http_status, answer.fbtrace_id, answer.wamid) == (status, "Atrace", "")


@pytest.mark.parametrize(
    "document",
    [
        b"<html>502 Bad Gateway</html>",
        b"",
        {},
        {"error": None},
        {"error": "text"},
        {"error": {}},
        {"error": {"code": None}},
        {"error": {"code": True}},
        {"error": {"code": 1.5}},
        {"error": {"code": "12a"}},
        {"error": {"code": 2**31}},
    ],
)
@pytest.mark.parametrize("status", [100, 302, 400, 404, 500, 502, 504])
def test_an_error_without_a_code_leaves_the_outcome_open(status: int, document: Any) -> None:
    answer = read_send(response(status, document))
    failure = PROXY_ANSWER if status == 404 else UNREADABLE
    assert (answer.kind, answer.failure) == (OutcomeKind.UNKNOWN, failure)


def test_details_are_kept_and_masked_wherever_meta_puts_them() -> None:
    told = {"details": "to +919812345678"}
    for fields, shown in [
        ({"error_data": told}, "to +91******5678"),
        ({"error_data": "to +919812345678"}, "to +91******5678"),
        ({"error_data": 7}, "(#100) No"),
        ({}, "(#100) No"),
    ]:
        assert read_send(response(400, refusal(100, **fields))).details == shown


def test_the_subcode_refines_the_code() -> None:
    answer = read_send(response(400, refusal(100, error_subcode=33)))
    assert answer.failure is not None
    assert answer.failure.action is Action.NUMBER


MIDNIGHT = "Tue, 24 Nov 2026 00:30:00 GMT"
USAGE = '{"1020":[{"type":"whatsapp","estimated_time_to_regain_access":3}]}'


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry_After": "7"}, 7.0),
        ({"Retry_After": "0"}, 0.0),
        ({"Retry_After": "99999999999999999999"}, 3600.0),
        ({"Retry_After": "Mon, 23 Nov 2026 00:30:00 GMT"}, None),
        ({"Retry_After": "3.5"}, 3.5),
        ({"Retry_After": "Tue, 24 Nov 2026 00:30:09 GMT", "Date": MIDNIGHT}, 9.0),
        ({"Retry_After": "Tuesday, 24-Nov-26 00:30:09 GMT", "Date": MIDNIGHT}, 9.0),
        ({"Retry_After": "Tue Nov 24 00:30:09 2026", "Date": MIDNIGHT}, 9.0),
        ({"Retry_After": "Wed, 25 Nov 2026 00:30:09 GMT", "Date": MIDNIGHT}, 3600.0),
        ({"Retry_After": "-1"}, None),
        ({"Retry_After": "1e3"}, None),
        ({"Retry_After": "²"}, None),
        ({"X_Business_Use_Case_Usage": USAGE}, 180.0),
        ({"X_Business_Use_Case_Usage": USAGE.replace("3}", "0}")}, None),
        ({"X_Business_Use_Case_Usage": "nonsense"}, None),
        ({"X_Business_Use_Case_Usage": '{"1":[7],"2":8}'}, None),
    ],
)
def test_how_long_to_wait_is_read_from_either_header(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert read_send(response(400, refusal(80007), **headers)).retry_after == seconds


WORDS = "messages id message_status error code error_data details message error_subcode"
words = st.sampled_from(f"{WORDS} fbtrace_id data paging cursors after next components".split())
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=4),
    max_leaves=6,
)
messages = st.lists(st.dictionaries(words, json_values, max_size=3), max_size=2)
nearly_accepted = st.fixed_dictionaries({"messages": messages})
bodies = st.binary(max_size=200) | (json_values | nearly_accepted).map(
    lambda value: json.dumps(value).encode()
)
header_sets = st.dictionaries(
    st.sampled_from(["Retry-After", "X-Business-Use-Case-Usage"]), st.text(max_size=40)
)


@settings(deadline=None)
@given(st.integers(0, 999), header_sets, bodies)
def test_no_answer_upsets_the_reader_and_none_is_accepted_by_mistake(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    answer = read_send(Response(status, headers, body))
    if answer.kind in (OutcomeKind.ACCEPTED, OutcomeKind.HELD):
        assert 200 <= status < 300
        assert answer.wamid == json.loads(body)["messages"][0]["id"] != ""
        assert answer.failure is None
    else:
        assert answer.failure is not None
        assert answer.wamid == ""


@settings(deadline=None)
@given(st.integers(0, 999), bodies)
def test_reads_end_in_an_object_or_in_one_of_our_errors(status: int, body: bytes) -> None:
    try:
        document = read_object(Response(status, {}, body))
    except CloudApiError:
        return
    responses.phone_number(document)
    message_templates.read(document)
    assert isinstance(responses.items(document), list)
    assert isinstance(next_cursor(document), str)


@settings(deadline=None)
@given(st.dictionaries(words, json_values))
def test_facts_are_made_of_any_object(document: dict[str, Any]) -> None:
    responses.phone_number(document)
    message_templates.read(document)


def test_a_refused_read_says_why() -> None:
    with pytest.raises(Rejected) as caught:
        read_object(response(400, refusal(190), Retry_After="5"))
    error = caught.value
    assert (error.failure.slug, error.code, error.http_status) == ("token_invalid", 190, 400)
    assert (error.fbtrace_id, error.retry_after) == ("Atrace", 5.0)


def test_a_read_answered_with_html_is_unanswered() -> None:
    with pytest.raises(Unanswered, match="HTTP 502"):
        read_object(response(502, b"<html>"))


def test_a_read_that_hits_a_server_fault_is_refused_as_such() -> None:
    with pytest.raises(Rejected) as caught:
        read_object(response(500, refusal(1)))
    assert caught.value.failure is SERVER_FAULT


@pytest.mark.parametrize(
    ("code", "normal"),
    [
        ("en", "en"),
        ("en-US", "en_US"),
        ("en_US", "en_US"),
        ("EN_us", "en_US"),
        (" hi ", "hi"),
        ("pt-br", "pt_BR"),
        ("fil", "fil"),
        ("", ""),
    ],
)
def test_language_codes_have_one_spelling(code: str, normal: str) -> None:
    assert language_code(code) == normal


@pytest.mark.parametrize(
    ("contacts", "ids"),
    [
        ([{"input": "+5511987654321", "wa_id": "551187654321"}], ("551187654321", "")),
        ([{"input": "IN.1349", "user_id": "IN.1349"}], ("", "IN.1349")),
        ([{"wa_id": 7, "user_id": "x" * 200}], ("", "")),
        ([{"wa_id": "551187654321"}, {"wa_id": "551187654322"}], ("", "")),
        ("551187654321", ("", "")),
    ],
)
def test_an_answer_tells_what_whatsapp_calls_the_recipient(contacts: Any, ids: Any) -> None:
    answer = read_send(response(200, {**accepted(), "contacts": contacts}))
    assert (answer.wa_id, answer.user_id) == ids
