from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from datetime import time
from ipaddress import ip_network
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from config.settings import environment as env

NAME = "DAYBREAK_TEST_VARIABLE"
Reader = Callable[[], Any]


def boolean() -> bool:
    return env.boolean(NAME, default=False)


def integer() -> int:
    return env.integer(NAME, 7, low=1, high=50)


def decimal() -> float:
    return env.decimal(NAME, 0.5, low=0.1, high=1.0)


def choice() -> str:
    return env.choice(NAME, "send", ("send", "hold"))


def numbers() -> tuple[float, ...]:
    return env.numbers(NAME, "5,10,20")


def rate() -> str:
    return env.rate(NAME, "100/s")


def words() -> list[str]:
    return env.words(NAME, "a,b")


def clock_time() -> time:
    return env.clock_time(NAME, "06:00")


def networks() -> list[Any]:
    return env.networks(NAME, "127.0.0.0/8")


def url() -> str:
    return env.url(NAME, schemes=("https", "redis+socket"))


DEFAULTS: list[tuple[Reader, Any]] = [
    (boolean, False),
    (integer, 7),
    (decimal, 0.5),
    (choice, "send"),
    (numbers, (5.0, 10.0, 20.0)),
    (rate, "100/s"),
    (words, ["a", "b"]),
    (clock_time, time(6)),
    (networks, [ip_network("127.0.0.0/8")]),
    (url, ""),
]


@pytest.mark.parametrize(("read", "expected"), DEFAULTS)
@pytest.mark.parametrize("unset", [None, "", "  "])
def test_unset_empty_and_blank_mean_the_default(
    monkeypatch: pytest.MonkeyPatch, read: Reader, expected: Any, unset: str | None
) -> None:
    monkeypatch.delenv(NAME, raising=False)
    if unset is not None:
        monkeypatch.setenv(NAME, unset)

    assert read() == expected


@pytest.mark.parametrize(
    ("read", "raw", "expected"),
    [
        (boolean, "TRUE", True),
        (boolean, "1", True),
        (boolean, " yes ", True),
        (boolean, "Off", False),
        (integer, " 50 ", 50),
        (integer, "1", 1),
        (decimal, "1", 1.0),
        (decimal, ".1", 0.1),
        (choice, "hold", "hold"),
        (numbers, "0", (0.0,)),
        (numbers, " 1, 2.5 ", (1.0, 2.5)),
        (rate, " 6000/m ", "6000/m"),
        (rate, "1/h", "1/h"),
        (words, " one ,, two,", ["one", "two"]),
        (clock_time, "18:30:15", time(18, 30, 15)),
        (networks, "10.0.0.0/8, ::1", [ip_network("10.0.0.0/8"), ip_network("::1/128")]),
        (url, "https://example.org/", "https://example.org"),
        (url, "https://user:word@example.org:8443/a?b=c", None),
        (url, "redis+socket:///run/redis.sock", None),
    ],
)
def test_what_is_sensible_is_taken(
    monkeypatch: pytest.MonkeyPatch, read: Reader, raw: str, expected: Any
) -> None:
    monkeypatch.setenv(NAME, raw)

    assert read() == (raw if expected is None else expected)


@pytest.mark.parametrize(
    ("read", "raw"),
    [
        (boolean, "ture"),
        (boolean, "2"),
        (integer, "0"),
        (integer, "51"),
        (integer, "1.5"),
        (integer, "many"),
        (decimal, "nan"),
        (decimal, "inf"),
        (decimal, "0.09"),
        (decimal, "1,0"),
        (choice, "Send"),
        (choice, "both"),
        (rate, "100"),
        (rate, "100/d"),
        (rate, "0/s"),
        (rate, "-1/s"),
        (rate, "many/s"),
        (rate, "1.5/s"),
        (rate, "²/s"),
        (numbers, "5,ten"),
        (numbers, "5,,20"),
        (numbers, "-1"),
        (numbers, "nan"),
        (numbers, "5,inf"),
        (clock_time, "6 o'clock"),
        (clock_time, "25:00"),
        (clock_time, "06:00+05:30"),
        (networks, "10.0.0.1/8"),
        (networks, "example.org"),
        (url, "example.org"),
        (url, "http://example.org"),
        (url, "https://"),
        (url, "https:///path"),
        (url, "https://:443"),
        (url, "https://example.org:99999"),
        (url, "https://[::1"),
        (url, "redis+socket://"),
    ],
)
def test_nonsense_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, read: Reader, raw: str
) -> None:
    monkeypatch.setenv(NAME, raw)

    with pytest.raises(ImproperlyConfigured, match=NAME):
        read()


def test_a_refused_url_is_not_repeated_as_it_may_hold_a_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(NAME, "ftp://user:opensesame@example.org")

    with pytest.raises(ImproperlyConfigured) as refusal:
        url()
    assert "opensesame" not in str(refusal.value)


ANYTHING = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"))


@given(raw=ANYTHING)
@pytest.mark.parametrize("read", [read for read, _ in DEFAULTS])
def test_any_text_is_either_taken_or_refused_in_words(read: Reader, raw: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(NAME, raw)
        with contextlib.suppress(ImproperlyConfigured):  # anything else would be a traceback
            read()


@given(value=st.floats(), low=st.floats(-1e6, 0), high=st.floats(0, 1e6))
def test_a_number_is_taken_exactly_if_it_lies_within_its_limits(
    value: float, low: float, high: float
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(NAME, repr(value))
        if low <= value <= high:
            assert env.decimal(NAME, 0, low=low, high=high) == value
        else:
            with pytest.raises(ImproperlyConfigured):
                env.decimal(NAME, 0, low=low, high=high)


@given(values=st.lists(st.floats(), min_size=1))
def test_numbers_are_taken_in_order_or_refused_together(values: list[float]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(NAME, ",".join(map(repr, values)))
        if all(value >= 0 and math.isfinite(value) for value in values):
            assert env.numbers(NAME, "1") == tuple(values)
        else:
            with pytest.raises(ImproperlyConfigured):
                env.numbers(NAME, "1")
