from __future__ import annotations

import dataclasses
import json
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phonepool import json_values
from phonepool.json_values import Unreadable
from tests.webhooks.posts import encode, envelope, messages, status
from webhooks.applying import payloads
from webhooks.applying.events import Event, ParsedWebhook, Status

CASES = sorted((Path(__file__).parents[2] / "data" / "webhooks").glob("*.json"))
WITH_DETAILS = ("Status", "Trouble")  # most of them have none
RECEIVED = datetime(2026, 11, 23, 0, 30, 5, tzinfo=UTC)


def parse(body: bytes) -> ParsedWebhook:
    return payloads.parse(body, received_at=RECEIVED)


def names(value: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(value)]


def plain(event: Event) -> dict[str, Any]:
    """An event in the words of the case files."""
    shown: dict[str, Any] = {"kind": type(event).__name__}
    parts = {name: getattr(event, name) for name in names(event)}
    if isinstance(event, Status):
        report = parts.pop("report")
        parts |= {name: getattr(report, name) for name in names(report)}
        parts["attempt"] = str(report.attempt) if report.attempt else None
    for name, value in parts.items():
        if isinstance(value, datetime):
            shown[name] = "received" if value == RECEIVED else value.isoformat()
        elif hasattr(value, "__slots__") and not isinstance(value, tuple):
            shown[name] = {inner: getattr(value, inner) for inner in value.__slots__}
        else:
            shown[name] = list(value) if isinstance(value, tuple) else value
    return shown


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_a_body_means_what_its_case_says(file):
    case = json.loads(file.read_text())

    parsed = parse(encode(case["body"]))

    expected = [
        {
            **({"details": ""} if one["kind"] in WITH_DETAILS else {}),
            **({"pricing": None, "mark": ""} if one["kind"] == "Status" else {}),
            **one,
        }
        for one in case["events"]
    ]
    assert [plain(event) for event in parsed.events] == expected
    assert dict(parsed.skipped) == case["skipped"]


def test_times_of_the_envelope_are_those_of_its_notices():
    earlier = RECEIVED - timedelta(hours=2)
    change = {"field": "message_template_status_update", "value": {"event": "PAUSED"}}

    parsed = parse(envelope(change, time=earlier))

    assert parsed.events[0].at == earlier


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "JSONDecodeError: Expecting value at character 0"),
        (b"{", "JSONDecodeError: Expecting property name enclosed in double quotes at"),
        (b'{"a":1}}', "JSONDecodeError: Extra data at character 7"),
        (b"[" * 33 + b"]" * 32, "brackets do not match or go deeper than 32"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "brackets do not match or go deeper than 32"),
        (b"[" * 100_000, "brackets do not match or go deeper than 32"),
        (b"[" * 100_000 + b"]" * 100_000, "brackets do not match or go deeper than 32"),
        (b"[]", "a JSON list instead of an object"),
        (b'"\\"{', "JSONDecodeError: Unterminated string starting at at character 0"),
        (b'{"\\', "JSONDecodeError: Unterminated string starting at at character 1"),
        (b'{"\\' + b"[" * 40, "brackets do not match or go deeper than 32"),
        (b'{"a":NaN}', "ValueError: NaN is not JSON"),
        (b'{"a":' + b"9" * 5000 + b"}", "ValueError: Exceeds the limit (4300 digits) for integer"),
        (b'{"a":"\x00"}', "JSONDecodeError: Invalid control character at at character 6"),
        (b'{"a":"\xff"}', "UnicodeDecodeError: invalid start byte"),
        (b"\xef\xbb\xbf{}", "JSONDecodeError: Unexpected UTF-8 BOM (decode using utf-8-sig)"),
        ('{"a":1}'.encode("utf-16"), "UnicodeDecodeError: invalid start byte"),
    ],
)
def test_what_is_no_json_object_is_unreadable_and_says_where(body, reason):
    with pytest.raises(Unreadable) as refusal:
        parse(body)

    assert str(refusal.value).startswith(reason)


def test_a_long_text_without_end_costs_no_more_than_its_length():
    started = time.process_time()

    with pytest.raises(Unreadable):
        parse(b'"' + b'\\"' * 2_000_000)

    assert time.process_time() - started < 2


def test_brackets_inside_texts_are_no_depth():
    body = encode({"entry": [], "note": '"[{' * 200 + "\\"})

    assert parse(body).skipped == {"empty": 1}


def test_thirty_two_levels_are_read():
    assert json_values.parse_object(b'{"a":' * 32 + b"1" + b"}" * 32)


def test_a_thousand_statuses_are_read_from_three_megabytes():
    items = [
        {
            **status("sent", at=RECEIVED, wamid=f"wamid.{place}"),
            "recipient_id": "9" * 12,
            "padding": "x" * 2900,
        }
        for place in range(1000)
    ]
    body = envelope(messages(statuses=items))

    assert len(body) > 3_000_000
    assert len(parse(body).events) == 1000


# --- laws ---------------------------------------------------------------------------------------

KEYS = st.sampled_from([
    "object",
    "entry",
    "changes",
    "field",
    "value",
    "metadata",
    "phone_number_id",
    "contacts",
    "wa_id",
    "user_id",
    "statuses",
    "id",
    "status",
    "timestamp",
    "errors",
    "code",
    "biz_opaque_callback_data",
    "messages",
    "from",
    "from_user_id",
    "type",
    "text",
    "body",
    "button",
    "payload",
    "interactive",
    "button_reply",
    "list_reply",
    "title",
    "system",
    "user_preferences",
    "event",
    "message_template_id",
    "message_template_name",
    "message_template_language",
    "new_quality_score",
    "new_category",
    "correct_category",
    "display_phone_number",
    "max_daily_conversations_per_business",
    "violation_info",
    "ban_info",
    "restriction_info",
    "time",
])  # fmt: skip
WORDS = st.sampled_from([
    "messages",
    "user_preferences",
    "sent",
    "read",
    "failed",
    "text",
    "button",
    "interactive",
    "system",
    "user_changed_number",
    "stop",
    "resume",
    "FLAGGED",
    "919812345678",
    "1750030073",
    *payloads.READERS,
    "daybreak:1.1.a",
    "TIER_1K",
    "\ud800",
    "\x00",
    "9" * 40,
])  # fmt: skip
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS
    | st.text(max_size=20)
)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=40,
)


@given(DOCUMENTS)
@settings(max_examples=150, deadline=None)
def test_no_json_makes_the_parser_raise_anything_but_unreadable(document):
    try:
        parsed = parse(json.dumps(document).encode())
    except Unreadable:
        assert not isinstance(document, dict)
    else:
        assert parsed.events or parsed.skipped


@given(st.sampled_from(list(payloads.READERS)), DOCUMENTS)
@settings(max_examples=150, deadline=None)
def test_no_value_under_a_known_field_makes_it_raise(field, value):
    parse(json.dumps({"entry": [{"changes": [{"field": field, "value": value}]}]}).encode())


@given(st.binary(max_size=200))
@settings(max_examples=150, deadline=None)
def test_no_bytes_make_it_raise_anything_but_unreadable(body):
    with suppress(Unreadable):
        parse(body)


@given(st.lists(DOCUMENTS, max_size=4), st.integers(0, 4))
@settings(max_examples=100, deadline=None)
def test_a_good_status_is_read_whatever_its_neighbours_are(neighbours, place):
    good = status("sent", at=RECEIVED, wamid="wamid.good")
    items = [*neighbours[:place], good, *neighbours[place:]]

    parsed = parse(json.dumps({"entry": [{"changes": [messages(statuses=items)]}]}).encode())

    assert "wamid.good" in {e.report.wamid for e in parsed.events if isinstance(e, Status)}
