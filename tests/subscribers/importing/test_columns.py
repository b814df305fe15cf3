"""What the columns of a file mean, and which rows are believed."""

from __future__ import annotations

import pytest

from subscribers.importing.columns import Columns, Refusal, Row
from subscribers.importing.tables.records import ImportRefused, Record


def read(header, *cells):
    return Columns(header).read(Record(7, 7, list(cells)))


@pytest.mark.parametrize(
    "title",
    [
        "phone",
        "Phone Number",
        "MOBILE_NO.",
        "WhatsApp",
        " whatsapp-number ",
        "Number",
        "फ़ोन",
        "मोबाइल",
    ],
)
def test_a_phone_column_goes_by_many_names(title):
    assert read([title], "9812345678") == Row(7, "+919812345678")


def test_every_known_column_is_read_in_its_own_way():
    header = ["Mobile", "Full Name", "Plan", "Lang", "E-mail", "Status"]

    row = read(header, "9812345678", " Asha\tRao ", "premium", "en-in", "a@example.in", "Paused")

    assert row == Row(
        7,
        "+919812345678",
        {"name": "Asha Rao", "tier": "PREMIUM", "language": "en_IN", "email": "a@example.in"},
        status="PAUSED",
    )


def test_other_columns_become_attributes_of_their_own_name():
    row = read(["phone", "First Name", "City", ""], "9812345678", "Asha", "Pune\n", "x")

    assert row.attributes == {"first_name": "Asha", "city": "Pune", "column_4": "x"}


def test_a_blank_cell_says_nothing():
    row = read(["phone", "name", "tier", "city", "lang"], "9812345678", "", " ", "\u200b")

    assert row == Row(7, "+919812345678")


@pytest.mark.parametrize(
    ("written", "code"), [("Hindi", "hi"), ("हिन्दी", "hi"), ("EN", "en"), ("mai", "mai")]
)
def test_languages_are_codes_or_their_names(written, code):
    assert read(["phone", "language"], "9812345678", written).details == {"language": code}


@pytest.mark.parametrize(
    ("title", "cell", "raw", "reason"),
    [
        ("tier", "Gold", "Gold", "The tier must be one of PREMIUM, PRO, BASIC."),
        ("lang", "Klingon", "Klingon", "The language must be a code such as en, hi or en_IN."),
        (
            "email",
            "asha at home",
            "asha at home",
            "This is not an email address. Correct it or leave it blank.",
        ),
        (
            "email",
            "a@" + "b" * 250 + ".in",
            "a@" + "b" * 37 + "…",
            "This is not an email address. Correct it or leave it blank.",
        ),
        (
            "status",
            "maybe",
            "maybe",
            "The status must be one of active, paused, unsubscribed, invalid.",
        ),
        (
            "name",
            "x" * 101,
            "x" * 39 + "…",
            "The name is longer than 100 characters. Shorten it.",
        ),
        (
            "name",
            "Win: https://x.in",
            "Win: https://x.in",
            "Remove the link. Links cannot be imported.",
        ),
        ("City", "www.x.in", "www.x.in", "Remove the link. Links cannot be imported."),
        ("City", "x" * 2_001, "", "The cell is longer than 2,000 characters."),
    ],
)
def test_a_bad_cell_refuses_its_row_with_column_and_reason(title, cell, raw, reason):
    assert read(["phone", title], "9812345678", cell) == Refusal(7, reason, title, raw)


def test_a_refused_phone_is_shown_masked():
    refusal = read(["Mobile No", "name"], "98123 4567", "Asha")

    assert (refusal.column, refusal.raw) == ("Mobile No", "***** **67")


def test_missing_cells_are_blank_and_surplus_ones_refused():
    assert read(["phone", "name"], "9812345678") == Row(7, "+919812345678")
    assert read(["phone"], "9812345678", "", " ") == Row(7, "+919812345678")
    assert read(["phone"], "9812345678", "Pune") == Refusal(
        7,
        "The line has 2 cells for 1 columns. Put cells that contain the separator in quotation"
        " marks.",
    )


def test_an_unreadable_line_is_refused_as_such():
    assert Columns(["phone"]).read(Record(7, 7, [], "is longer than it may be.")) == Refusal(
        7, "The line is longer than it may be."
    )


def test_a_refused_row_of_several_lines_names_them_all():
    refusal = Columns(["phone", "name"]).read(Record(7, 9, ["1", "a\nb\nc"]))

    assert refusal.line == 7
    assert refusal.reason.endswith(
        "(Lines 7 to 9 were read as one row. Look for an extra quotation mark.)"
    )


@pytest.mark.parametrize("status", ["Unsubscribed", "opted-out", "STOP"])
def test_of_a_withdrawal_only_the_phone_is_taken(status):
    row = read(["phone", "name", "email", "status"], "9812345678", "x" * 500, "junk", status)

    assert row == Row(7, "+919812345678", status="UNSUBSCRIBED")


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        (
            ["name", "state"],
            "No column for the phone number. The first line must name the columns, one of them"
            " “phone”. It reads: name, state.",
        ),
        (
            ["+91 98123 45678", "Asha"],
            "No column for the phone number. The first line must name the columns, one of them"
            " “phone”. It reads: +** ***** *****, Asha.",
        ),
        (
            ["", " "],
            "No column for the phone number. The first line must name the columns, one of them"
            " “phone”. It reads: nothing.",
        ),
        (
            ["Phone", "Mobile"],
            "The columns “Phone” and “Mobile” mean the same. Rename or remove one.",
        ),
        (
            ["phone", "City", "city"],
            "The columns “City” and “city” mean the same. Rename or remove one.",
        ),
    ],
)
def test_a_header_of_no_use_is_refused(header, sentence):
    with pytest.raises(ImportRefused) as refused:
        Columns(header)

    assert str(refused.value) == sentence
