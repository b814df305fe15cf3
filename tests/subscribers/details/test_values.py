"""What a person's details may hold: the same in files, the API and the admin pages."""

from __future__ import annotations

import re

import pytest

from subscribers.details import values
from subscribers.models import Subscriber
from tests.subscribers.imports import counts, reasons, run

LONG = (
    "The value is longer than 100 characters, the most a message can take. Shorten it, or"
    " leave the column out."
)


@pytest.mark.django_db
@pytest.mark.parametrize("word", ["#N/A", " #ref! ", "#NAME?", "#DIV/0!", "#SPILL!"])
@pytest.mark.parametrize("column", ["name", "city", "tier", "phone"])
def test_an_error_of_excel_is_no_value(word, column):
    """P4: in CSV"""
    cells = {"phone": "9820000201", "name": "Asha", "city": "Pune", "tier": "PRO", column: word}

    report = run(f"{','.join(cells)}\n{','.join(cells.values())}\n")

    assert counts(report) == {"total": 1, "refused": 1}
    assert reasons(report) == [
        (
            2,
            column,
            f"The cell contains Excel's error {word.strip().upper()}. Correct its formula or "
            "leave it blank.",
        )
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("word", ["NULL", "null", "nan", "NaN", "None", r"\N", "<NA>", "N/A"])
def test_a_word_of_programs_for_no_value_is_blank(word):
    """P4"""
    report = run(f"phone,name,tier,language,email,city\n9820000201,{word}" + f",{word}" * 4)

    assert counts(report) == {"total": 1, "new": 1}
    person = Subscriber.objects.get()
    assert (person.name, person.tier, person.email, person.attributes) == ("", "BASIC", "", {})


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["Null", "Nan", "Na", "None Such"])
def test_a_name_that_looks_like_such_a_word_stays(name):
    """P4"""
    run(f"phone,name\n9820000201,{name}\n")

    assert Subscriber.objects.get().name == name


@pytest.mark.django_db
def test_a_value_longer_than_messages_have_room_for_refuses_its_row():
    """P9: in a file"""
    report = run(f"phone,note\n9820003001,{'x' * 101}\n9820003002,{'x' * 100}\n")

    assert counts(report) == {"total": 2, "new": 1, "refused": 1}
    assert reasons(report) == [(2, "note", LONG)]


@pytest.mark.django_db
def test_letters_that_another_program_lost_refuse_their_row():
    """P2: the file is valid, the name in it is not."""
    report = run("phone,name\n9820003001,Caf\ufffd\n")

    assert reasons(report)[0][2] == "It contains \ufffd where letters were lost. Type them again."


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (5, "Enter texts by name"),
        (["Pune"], "Enter texts by name"),
        (None, "Enter texts by name"),
        ({"city": ["a"]}, "“city” is not a text"),
        ({"city": 5}, "“city” is not a text"),
        ({"city": "a", "City": "b"}, "“City” cannot be the name"),
        ({"": "a"}, "cannot be the name"),
        ({"Mobile": "a"}, "“Mobile” cannot be the name"),
        ({"x" * 65: "a"}, "cannot be the name"),
        ({"city": "x" * 101}, "city: The value is longer than 100"),
        ({"city": "bit.ly/x"}, "city: Remove the link"),
        ({"city": "#N/A"}, "city: The cell contains Excel's error"),
        ({"city": "NULL"}, "city: “NULL” stands for an empty value"),
        ({f"a{n}": "x" for n in range(46)}, "at most 45"),
    ],
)
def test_attributes_are_texts_by_name(given, words):
    """P14"""
    with pytest.raises(ValueError, match=re.escape(words)):
        values.read_attributes(given)


def test_attributes_are_stored_by_the_names_that_messages_use():
    """P8, P14"""
    assert values.read_attributes({"R&D": " x\u202ey ", "शहर": "पुणे", "empty": " "}) == {
        "r_d": "xy",
        "शहर": "पुणे",
    }
