from __future__ import annotations

import json
import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.webhooks.posts import encode, envelope, messages
from webhooks import masking

BODY = envelope(
    messages(
        contacts=[{"profile": {"name": "Ravi Kumar"}, "wa_id": "919812345678", "user_id": "IN.13"}],
        statuses=[
            {
                "id": "wamid.HBgMOTE5ODEyMzQ1Njc4FQIAERgS",
                "status": "failed",
                "timestamp": "1750030073",
                "recipient_id": "919812345678",
                "errors": [{"code": 131026, "title": "Message undeliverable"}],
            }
        ],
        messages=[{"from": "919812345678", "type": "text", "text": {"body": "My PIN is 1234"}}],
    )
)


def test_a_body_is_shown_without_numbers_names_and_messages():
    shown = masking.mask_body(BODY)

    for private in ("9812345678", "Ravi", "IN.13", "OTE5ODEyMzQ1Njc4", "PIN"):
        assert private not in shown
    for useful in ('"failed"', "131026", "1750030073", "91******5678", "wamid.…ERgS"):
        assert useful in shown


def test_a_key_can_be_private_too():
    assert "9812345678" not in masking.mask_body(
        encode({"919812345678": 1, "+91 98123-45678": [2]})
    )


def test_what_is_no_json_is_not_shown():
    assert masking.mask_body(b"\xff 919812345678") == "14 bytes that are not JSON"
    assert masking.mask_body(b"[" * 100_000) == "100000 bytes that are not JSON"


def test_a_long_body_is_cut():
    shown = masking.mask_body(encode({"entry": ["x" * 100] * 1000}))

    assert len(shown) < 21_000
    assert shown.endswith("bytes in all)")


# Drawing values takes longer next to busy processes, which says nothing about masking.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.from_regex(r"[1-9][0-9]{9,14}", fullmatch=True), st.text(max_size=20))
def test_no_number_of_ten_digits_gets_through(digits, around):
    shown = masking.mask_body(
        json.dumps({"note": f"{around} {digits} {around}", "id": digits}).encode()
    )

    assert digits not in shown
    assert digits not in masking.mask_text(f"Key (phone)=(+{digits}) {around}")
    assert not re.search(r"[0-9]{10}", masking.mask_text(digits))
