"""The alert about the access token's end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distribution.alerts import access_token
from distribution.models import Alert, Severity
from phonepool.cloud_api.app import TokenFacts

NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)


def token(left: timedelta | None, *, is_valid: bool = True, problem: str = "") -> TokenFacts:
    ends = None if left is None else NOW + left
    return TokenFacts("1", is_valid, (), (), ends, problem)


@pytest.mark.parametrize(
    ("left", "severity", "words"),
    [
        (timedelta(days=7), "WARNING", "expires in 7 days, on 30 Nov 2026, 06:00 IST."),
        (timedelta(days=6, hours=23), "WARNING", "expires in 6 days, on 30 Nov 2026, 05:00 IST."),
        (timedelta(hours=49), "WARNING", "expires in 2 days, on 25 Nov 2026, 07:00 IST."),
        (timedelta(hours=48), "CRITICAL", "expires in 48 hours, on 25 Nov 2026, 06:00 IST."),
        (timedelta(minutes=90), "CRITICAL", "expires in 1 hour, on 23 Nov 2026, 07:30 IST."),
        (timedelta(minutes=1), "CRITICAL", "expires in less than an hour, on 23 Nov"),
        (timedelta(0), "CRITICAL", "expired on 23 Nov 2026, 06:00 IST. Nothing can be sent."),
    ],
)
def test_it_says_how_long_is_left_and_is_critical_in_the_last_two_days(left, severity, words):
    found = access_token.judge(token(left), now=NOW)

    assert found is not None
    assert (found[0], f"The access token {words}" in found[1]) == (severity, True)


def test_a_token_that_was_revoked_is_critical_whatever_its_end():
    for left in (None, timedelta(days=60)):
        facts = token(left, is_valid=False, problem="The session was invalidated.")
        assert access_token.judge(facts, now=NOW) == (
            Severity.CRITICAL,
            "The access token is not valid: The session was invalidated.",
        )


@given(st.timedeltas(min_value=timedelta(days=-400), max_value=timedelta(days=400)))
def test_less_time_is_never_less_bad(left):
    def rank(span: timedelta) -> int:
        found = access_token.judge(token(span), now=NOW)
        return 0 if found is None else 1 + (found[0] == Severity.CRITICAL)

    assert rank(left) >= rank(left + timedelta(hours=1))
    assert (rank(left) == 0) == (left > timedelta(days=7))


@pytest.mark.django_db
def test_it_opens_gets_worse_and_closes_once_the_token_is_replaced():
    for left in (timedelta(days=5), timedelta(days=1)):
        access_token.apply(token(left), now=NOW)
    alert = Alert.objects.get(rule="access_token_expires")
    assert (alert.severity, alert.closed_at) == ("CRITICAL", None)
    assert "in 24 hours" in alert.message

    access_token.apply(token(None), now=NOW)

    alert.refresh_from_db()
    assert alert.closed_at == NOW
