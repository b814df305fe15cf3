from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks.receiving import signature

BODY = b'{"object":"whatsapp_business_account","entry":[]}'
NEW, OLD = "the-new-secret", "the-old-secret"


def hexed(body: bytes = BODY, secret: str = NEW, algorithm: str = "sha256") -> str:
    return hmac.new(secret.encode(), body, algorithm).hexdigest()


@pytest.mark.parametrize(
    ("header", "signer"),
    [
        (f"sha256={hexed()}", 0),
        (f"sha256={hexed(secret=OLD)}", 1),
        (f"sha256={hexed(secret='somebody-elses')}", None),
        (f"sha256={hexed(BODY + b' ')}", None),
        (f"sha256={hexed().upper()}", None),
        (f"SHA256={hexed()}", None),
        (f"sha256={hexed()[:-1]}", None),
        (f"sha256={hexed()}0", None),
        (f"sha256={hexed()}\n", None),
        (f" sha256={hexed()}", None),
        (f"sha256={hexed()},sha256={hexed()}", None),
        (f"sha1={hexed(algorithm='sha1')}", None),
        (f"sha256={hashlib.sha256(BODY).hexdigest()}", None),
        (f"sha256={hexed().replace(hexed()[0], '٠')}", None),
        (hexed(), None),
        ("sha256=", None),
        ("", None),
    ],
)
def test_only_the_exact_form_of_a_live_secret_counts(header, signer):
    assert signature.verify(BODY, header, [NEW, OLD]) == signer


@pytest.mark.parametrize(
    ("header", "shaped"),
    [
        ("sha256=" + "0a" * 32, True),
        ("sha256=" + "0A" * 32, False),
        ("sha256=" + "0a" * 32 + "0", False),
        ("sha256=" + "0a" * 32 + "\n", False),
        ("xsha256=" + "0a" * 32, False),
        ("", False),
    ],
)
def test_a_header_of_another_shape_is_known_without_the_body(header, shaped):
    assert signature.is_shaped(header) is shaped


def test_no_secret_verifies_nothing():
    assert signature.verify(BODY, f"sha256={hexed(secret='')}", []) is None


def test_every_secret_is_compared_every_time(monkeypatch):
    compared = []
    compare = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append(a) or compare(a, b))

    for header in (f"sha256={hexed()}", f"sha256={hexed(secret=OLD)}", "nonsense"):
        compared.clear()
        signature.verify(BODY, header, [NEW, OLD])
        assert len(compared) == 2


@given(st.binary(max_size=300), st.binary(min_size=1, max_size=20), st.integers(0, 10**6))
def test_a_changed_body_never_passes(body, change, place):
    place %= len(body) + 1
    changed = body[:place] + change + body[place + len(change) :]
    header = signature.sign(body, NEW)

    assert signature.verify(body, header, [NEW]) == 0
    assert (signature.verify(changed, header, [NEW]) == 0) == (changed == body)


@pytest.mark.parametrize(
    ("given_token", "ours", "right"),
    [
        ("abc", "abc", True),
        ("abd", "abc", False),
        ("", "", False),
        ("", "abc", False),
        ("é", "é", True),
        ("\udcff", "abc", False),
    ],
)
def test_the_token_is_compared_whole_and_an_empty_one_is_never_right(given_token, ours, right):
    assert signature.is_our_token(given_token, ours) is right


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        *[("1158201444", True), ("0", True), ("1" * 32, True), ("1" * 33, False), ("", False)],
        *[("<script>", False), ("12 34", False), ("-1", False), ("12\n", False), ("१२३", False)],
    ],
)
def test_a_challenge_is_digits_only(text, safe):
    assert signature.is_challenge(text) is safe
