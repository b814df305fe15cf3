"""Lists as JSON lines: by the same rules as CSV, with the line numbers of the file."""

from __future__ import annotations

import io

import pytest

from subscribers.importing.tables.csv_table import open_table
from subscribers.importing.tables.records import MAX_COLUMNS, ImportRefused
from subscribers.models import ConsentEvent, Subscriber
from tests.subscribers.imports import counts, reasons, run

pytestmark = pytest.mark.django_db


def read(text: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    with open_table(io.BytesIO(text.encode())) as table:
        return table.header, [(record.line, record.cells) for record in table.records()]


def faults(text: str) -> list[tuple[int, str]]:
    with open_table(io.BytesIO(text.encode())) as table:
        return [(record.line, record.fault) for record in table.records() if record.fault]


def test_each_line_is_a_person_and_every_other_name_an_attribute():
    report = run(
        '{"phone": "98123 45601", "name": "Asha", "tier": "pro", "attributes": {"city": "Pune"}}\n'
        "\n"
        '{"phone": 9812345602, "name": "रवि", "language": "hi", "vip": true, "email": null}\n'
    )

    assert counts(report) == {"total": 2, "new": 2}
    asha, ravi = Subscriber.objects.order_by("phone")
    assert (asha.phone, asha.tier, asha.attributes) == ("+919812345601", "PRO", {"city": "Pune"})
    assert (ravi.name, ravi.language, ravi.attributes) == ("रवि", "hi", {"vip": "TRUE"})
    evidence = ConsentEvent.objects.get(subscriber=ravi).evidence
    assert evidence.startswith("OPT_IN on line 3, SHA-256 ")


def test_a_number_is_read_as_it_is_written():
    assert read('{"phone": 919812345678, "worth": 1.10}') == (
        ["phone", "worth"],
        [(1, ["919812345678", "1.10"])],
    )


def test_a_refused_line_is_named_with_its_column_and_the_rest_is_taken():
    report = run('{"phone": "12"}\nnonsense\n{"phone": "9812345601", "name": ["Asha"]}\n{}\n')

    assert counts(report) == {"total": 3, "refused": 3}
    assert [(line, column) for line, column, _ in reasons(report)] == [
        (1, "phone"),
        (2, ""),
        (3, ""),
    ]
    assert reasons(report)[1][2].startswith("The line is not a JSON object such as")
    assert reasons(report)[2][2].startswith("The line has a list or an object in “name”")


def test_deep_nesting_and_long_lines_are_faults_of_their_line_alone():
    deep = '{"phone": ' + "[" * 100_000
    wide = '{"phone": "' + "1" * 200_000 + '"}'

    found = faults(f'{deep}\n{wide}\n{{"phone": "9812345601"}}')

    assert [line for line, _ in found] == [1, 2]
    assert "longer than" in found[1][1]


def test_what_no_database_takes_is_left_out():
    assert read('{"phone": "1", "name": "A\\ud83dB\\u0000C"}')[1] == [(1, ["1", "ABC"])]


def test_a_json_list_is_refused_with_a_sentence():
    with pytest.raises(ImportRefused, match="one object per line"):
        read('[{"phone": "9812345601"}]')


def test_a_file_of_which_no_line_can_be_read_is_refused():
    with pytest.raises(ImportRefused, match="No line of the file can be read"):
        read("{nonsense\n{more")


def test_more_names_than_a_list_may_have_columns_are_refused():
    lines = "\n".join(f'{{"phone": "1", "a{n}": "x"}}' for n in range(MAX_COLUMNS))
    with pytest.raises(ImportRefused, match="more than 50 columns"):
        read(lines)


def test_two_names_that_mean_the_same_are_refused():
    with pytest.raises(ImportRefused, match="mean the same"):
        run('{"phone": "9812345601"}\n{"mobile": "9812345602"}')
