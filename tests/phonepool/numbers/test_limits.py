"""Every documented form of Meta's limit of people in 24 hours (G3)."""

from __future__ import annotations

import pytest

from phonepool.numbers.limits import Limit, parse


@pytest.mark.parametrize(
    ("value", "people"),
    [
        (2000, 2000),
        ("2000", 2000),
        ("TIER_50", 50),
        ("TIER_250", 250),
        ("TIER_1K", 1000),
        ("TIER_2K", 2000),
        ("TIER_10K", 10_000),
        ("TIER_100K", 100_000),
        ("tier_100k", 100_000),
        ("250", 250),
        (-1, None),
        ("-1", None),
        ("UNLIMITED", None),
        ("TIER_UNLIMITED", None),
        ("UNTIERED", None),
        ("TIER_NOT_SET", None),
    ],
)
def test_every_form_of_a_limit_is_read(value, people):
    assert parse(value) == Limit(people)


@pytest.mark.parametrize(
    ("value", "named"), [("UNTIERED", False), ("TIER_NOT_SET", False), ("TIER_UNLIMITED", True)]
)
def test_that_meta_has_no_figure_is_not_the_same_as_no_limit(value, named):
    limit = parse(value)
    assert limit is not None
    assert (limit.known, limit.named) == (True, named)


@pytest.mark.parametrize("value", [None, ""])
def test_no_word_is_no_limit(value):
    assert parse(value) is None


@pytest.mark.parametrize("value", ["MANY", "TIER_", "TIER_-5", 0, [], {}, 1.5, True])
def test_what_cannot_be_read_is_said_to_be_unknown(value):
    limit = parse(value)
    assert limit is not None
    assert not limit.known
