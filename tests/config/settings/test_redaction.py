"""One set of rules for logs and Sentry (finding L1)."""

from __future__ import annotations

import base64
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.monitoring.sentry import redact_all, without_personal_request
from config.settings.redaction import redactor

redact = redactor()
NUMBER = st.from_regex(r"[6-9][0-9]{9}", fullmatch=True)
PREFIX = st.sampled_from(
    ["", "0", "91", "+91", "0091", "+91 ", "+91-", "0 ", "91 ", "%2B91", "(+91) "]
)
GAP = st.sampled_from(["", " ", "-", " - ", "\u00a0", "\u2011", "%20", ") "])
# Letters and marks that are no part of a number.
AROUND = st.text(alphabet="aZé €,;:=\"'{}[]<>|&?#@!\n\t", max_size=20)
KEY = st.text(alphabet="abcXYZ019_-", min_size=20, max_size=43)


@given(
    before=AROUND,
    prefix=PREFIX,
    digits=NUMBER,
    cuts=st.sets(st.integers(1, 9), max_size=4),
    gap=GAP,
    after=AROUND,
)
def test_no_spelling_of_an_indian_number_survives(before, prefix, digits, cuts, gap, after):
    spelled = "".join(
        f"{gap if place in cuts else ''}{digit}" for place, digit in enumerate(digits)
    )
    shown = redact(f"{before}{prefix}{spelled}{after}")
    assert digits[:6] not in re.sub(r"\D", "", shown.replace("%20", "").replace("%2B", ""))


@given(digits=NUMBER, other=st.integers(0, 9999))
def test_a_number_beside_another_one_is_seen(digits, other):
    for text in (f"{digits} {other}", f"{other}, {digits}", f"{digits[:5]} {digits[5:]}, {other}"):
        assert digits[:6] not in re.sub(r"\D", "", redact(text))


@given(before=AROUND, key=KEY, after=AROUND)
def test_no_token_or_secret_of_ours_survives(before, key, after):
    for text in (
        f"dbk_{key}",
        f"whsec_{base64.b64encode(key.encode()).decode()}",
        f"__Host-daybreak={key}",
        f"__Host-csrf={key}",
        f"__Host-device={key}",
        f"daybreak={key}",
        f"csrftoken={key}",
        f"device={key}",
        f"{{'__Host-daybreak': '{key}', 'daybreak': '{key}'}}",
    ):
        assert key not in redact(f"{before} {text} {after}"), text


@given(digits=NUMBER, tail=st.binary(min_size=12, max_size=24))
def test_a_message_id_gives_no_number_back(digits, tail):
    inside = base64.b64encode(b"\x1d\x08\x0291" + digits.encode() + tail).decode()
    shown = redact(f"accepted wamid.{inside}, next")
    assert inside[:20] not in shown
    assert shown.startswith("accepted wamid.…")


@given(value=st.text(alphabet="abcdefXYZ%20+@.", min_size=3, max_size=30))
@pytest.mark.parametrize("name", ["q", "search", "name", "name__icontains", "phone__startswith"])
def test_what_somebody_looked_for_is_not_told(name, value):
    assert value not in redact(f"GET /admin/x/?page=2&{name}={value}&o=1 answered 500").split("=")


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23 06:00:00 2000 sent, 1998 delivered in 4.98 s",
        "took 0.9812345678 s of 86400",
        "batch 7 of 40: rows 1000-2000, 12 34 56 left",
        "GET /admin/distribution/delivery/?distribution=12&state=SENT&page=3",
        "trace 4bf92f3577b34da6a3ce929d0e0e4736, pid 98123",
        "the daybreak: worker started",
    ],
)
def test_what_helps_stays(text):
    assert redact(text) == text


def test_an_error_report_has_no_query_cookie_or_key():
    event = {
        "request": {
            "url": "https://daybreak.example/admin/people/?q=98123+45678",
            "query_string": "q=98123+45678&name=Asha&key=dbk_0123456789abcdef",
            "cookies": {"__Host-daybreak": "c00kie"},
            "headers": {
                "Cookie": "__Host-daybreak=c00kie",
                "Authorization": "Token c00kie",
                "Referer": "https://daybreak.example/?name=Asha",
                "User-Agent": "curl",
            },
            "data": {"name": "Asha"},
        },
        "extra": {"+919812345678": ["wamid.HBgMOTE5ODEyMzQ1Njc4FQIAERgS"]},
        "breadcrumbs": {"values": [{"message": "GET /x?q=98123%2045678"}]},
    }
    told = redact_all(without_personal_request(event), redact)
    text = repr(told)
    for secret in ("98123", "45678&", "Asha", "dbk_0", "c00kie", "HBgMOTE5"):
        assert secret not in text, secret
    assert told["request"]["query_string"] == "q=…&name=…&key=…"
    assert told["request"]["headers"]["User-Agent"] == "curl"


@pytest.mark.parametrize(
    "unit",
    ["9", "98123 ", "+9", "(((", "91-", "?q=", "wamid.", "dbk_", "daybreak=", "password  ", "IN.1"],
)
def test_the_time_grows_with_the_text_alone(unit):
    """CPU time, the least of three: ten times the text takes at most twenty times as long."""
    spent = []
    for size in (20_000, 200_000):
        text = (unit * size)[:size]
        runs = []
        for _ in range(3):
            start = time.process_time()
            redact(text)
            runs.append(time.process_time() - start)
        spent.append(min(runs))
    assert spent[1] <= 20 * spent[0] + 0.01
