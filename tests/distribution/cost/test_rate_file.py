"""A CSV of rates is read line by line, and each error names its line."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distribution.cost.rate_file import COLUMNS, parse

HEADER = "market,prefix,category,price,currency,valid_from,source\n"
LINE = "India,+91,utility,0.115,INR,2027-01-01,Meta's list\n"


def test_a_line_is_a_rate():
    found = parse("\ufeff" + HEADER + "India,'+91,Utility,0.115,inr,2027-01-01,Meta's list\n\n")

    assert found.errors == []
    (line,) = found.lines
    assert line.columns() == {
        "market": "India",
        "prefix": "+91",
        "category": "utility",
        "price": Decimal("0.115"),
        "currency": "INR",
        "valid_from": date(2027, 1, 1),
        "source": "Meta's list",
        "from_n": 1,
    }


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("India", "", "Line 2, market: write 1 to 60 characters."),
        ("+91", "0091", "Line 2, prefix: write a country code like +91."),
        ("utility", "?", "Line 2, category: write utility, marketing, authentication or service."),
        ("0.115", "₹0.115", "Line 2, price: write a price like 0.115, with a point and without a "
         "currency sign."),
        ("0.115", "-1", "Line 2, price: write a price like 0.115, with a point and without a "
         "currency sign."),
        ("0.115", "1e5", "Line 2, price: write a price like 0.115, with a point and without a "
         "currency sign."),
        ("INR", "Rs", "Line 2, currency: write a code like INR."),
        ("2027-01-01", "1.1.2027", "Line 2, valid_from: write a day like 2027-01-01."),
        ("2027-01-01", "2027-02-30", "Line 2, valid_from: write a day like 2027-01-01."),
        (",INR", "", "Line 2 has 6 values, not 7."),
    ],
)  # fmt: skip
def test_an_error_names_line_and_column(old, new, error):
    found = parse(HEADER + LINE.replace(old, new, 1))

    assert found.errors == [error]
    assert found.lines == []


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "Line 1: the columns market, prefix, category, price, currency, valid_from, source "
         "are missing."),
        (HEADER.strip() + ",note\n", "Line 1: remove the columns note."),
        (HEADER, "The file has no lines below its header."),
        (HEADER + LINE + LINE, "Listed twice: India utility INR 2027-01-01 (1)."),
        (HEADER.strip() + ",from_n\n" + LINE.strip() + ",5\n",
         "India utility INR 2027-01-01 (5): a line with from_n 1 is missing."),
        (HEADER + '"India', "This is not a CSV file: unexpected end of data."),
    ],
)  # fmt: skip
def test_an_error_of_the_file_is_a_sentence(text, error):
    assert parse(text).errors == [error]


@settings(max_examples=40)
@given(st.lists(st.text(max_size=12), max_size=12).map(",".join), st.sampled_from([HEADER, ""]))
def test_no_text_makes_it_fail(text: str, header: str):
    found = parse(header + text)

    assert found.lines or found.errors
    assert set(COLUMNS) == {"market", "prefix", "category", "price", "currency", "valid_from",
                            "source", "from_n"}  # fmt: skip
