"""Lists as text: what is empty is no content, and valid bytes keep their letters."""

from __future__ import annotations

import io

import pytest

from subscribers.importing.tables.csv_table import open_table
from subscribers.importing.tables.records import MAX_COLUMNS, ImportRefused
from subscribers.models import Subscriber
from tests.subscribers.imports import counts, reasons, run

MAX_ROWS = 20_000
FOREIGN = "The line has letters that are not UTF-8, unlike the rest of the file. Type them again."


def read(data: bytes) -> tuple[list[str], list[tuple[int, list[str]]]]:
    with open_table(io.BytesIO(data)) as table:
        return table.header, [(record.line, record.cells) for record in table.records()]


def faults(data: bytes) -> list[int]:
    with open_table(io.BytesIO(data)) as table:
        return [record.line for record in table.records() if record.fault]


@pytest.mark.django_db
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "with a mark"])
def test_one_foreign_byte_costs_its_own_line_and_no_name_is_garbled(mark):
    """P2"""
    rows = "phone,name\n" + "".join(f"98200001{n:02d},रवि कुमार {n}\n" for n in range(20))

    report = run(mark + rows.encode() + b"9820000199,Caf\xe9 Owner\n9820000120,\xe0\xa4\n")

    assert counts(report) == {"total": 22, "new": 20, "refused": 2}
    assert reasons(report) == [(22, "", FOREIGN), (23, "", FOREIGN)]
    assert set(Subscriber.objects.values_list("name", flat=True)) == {
        f"रवि कुमार {n}" for n in range(20)
    }


@pytest.mark.django_db
def test_a_foreign_byte_in_json_lines_costs_its_own_line():
    """P2: JSON lines are UTF-8, as documented."""
    report = run(
        '{"phone": "9820000101", "name": "रवि"}\n'.encode()
        + b'{"phone": "9820000102", "name": "Caf\xe9"}\n'
    )

    assert counts(report) == {"total": 2, "new": 1, "refused": 1}
    assert reasons(report) == [(2, "", FOREIGN)]


def test_a_foreign_byte_in_the_header_refuses_the_file():
    """P2"""
    with pytest.raises(ImportRefused, match="The first line has letters that are not UTF-8"):
        read("phone,नाम,caf".encode() + b"\xe9\n1,a,b\n")


def test_windows_text_is_taken_for_it_only_without_any_letter_of_utf_8():
    """P2"""
    assert read("phone,name\n1,Zoë – “Z”\n".encode("cp1252"))[1] == [(2, ["1", "Zoë – “Z”"])]


def test_bytes_of_no_known_encoding_refuse_their_line():
    """P2: Latin-1 reads anything, so it alone proves nothing."""
    assert faults(b"phone,name\n1,\x81\xe9\n2,\xe9\n") == [2]


@pytest.mark.parametrize("blank", ["", "   ", ",", '"",""', ";;", "\t\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_blank_lines_do_not_count_towards_the_limit(blank, encoding, settings):
    """P1: of a CSV file"""
    settings.IMPORT_MAX_ROWS = MAX_ROWS
    text = "phone,name\n" + f"{blank}\n" * (MAX_ROWS + 10) + "1,a\n" + f"{blank}\n" * 10

    assert read(text.encode(encoding)) == (["phone", "name"], [(MAX_ROWS + 12, ["1", "a"])])


def test_lines_that_hold_anything_are_counted_across_the_blocks_they_are_read_in(settings):
    """P1"""
    settings.IMPORT_MAX_ROWS = MAX_ROWS
    row = "x" * 99_000 + ",1\n\n"
    rows = f"phone,name\n{row * 30}".encode() + b"1,a\r\n\r\n" * (MAX_ROWS - 30)

    assert len(read(rows)[1]) == MAX_ROWS
    with pytest.raises(ImportRefused, match="more than 20,000 lines"):
        read(rows + b"1,a\n")


def test_titles_that_are_blank_are_no_columns_too_many():
    """P1: of a header padded with delimiters"""
    header, rows = read(f"phone,name{',' * 100}\n1,a{',' * 100}\n".encode())

    assert header == ["phone", "name", *[""] * (MAX_COLUMNS - 2)]
    assert rows[0][1][:2] == ["1", "a"]


@pytest.mark.django_db
def test_a_padded_cell_is_as_long_as_its_content():
    """P1: "limits apply to content, not padding" """
    pad = " " * 3_000

    report = run(f"phone,name\n{pad}9820000101{pad},{pad}Asha{pad}\n")

    assert counts(report) == {"total": 1, "new": 1}
    assert Subscriber.objects.get().name == "Asha"


@pytest.mark.parametrize(
    ("text", "header", "cells"),
    [
        (
            "Mobile;Name (first, last);City (town, district, state)\n9820006002;Ravi;Pune\n",
            ["Mobile", "Name (first, last)", "City (town, district, state)"],
            ["9820006002", "Ravi", "Pune"],
        ),
        (
            "Phone;Name, Surname\n9820006002;Ravi, K\n",
            ["Phone", "Name, Surname"],
            ["9820006002", "Ravi, K"],
        ),
        ("a|b,c,d,e|phone\n1|2|3\n", ["a", "b,c,d,e", "phone"], ["1", "2", "3"]),
        ("phone\tA; B; C; D\n1\tx\n", ["phone", "A; B; C; D"], ["1", "x"]),
        # No title says phone: as many cells in each row is what makes sense.
        ("Nr;Who (a, b, c)\n9820006002;Ravi\n", ["Nr", "Who (a, b, c)"], ["9820006002", "Ravi"]),
        ("sep=;\nNr;A,B\n1;2,3\n", ["Nr", "A,B"], ["1", "2,3"]),
        (",,,\nphone,name\n1,a\n", ["phone", "name"], ["1", "a"]),
    ],
)
def test_cells_part_where_a_column_for_the_phone_appears(text, header, cells):
    """P6"""
    found, rows = read(text.encode())

    assert (found, rows[0][1]) == (header, cells)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "line",
    [
        '{"phone": "9820004007", "phone": "9820004008"}',
        '{"phone": "9820004007", "city": "Pune", "attributes": {"city": "Mumbai"}}',
        '{"phone": "9820004007", "attributes": {"city": "Pune", "city": "Mumbai"}}',
    ],
)
def test_a_name_that_stands_twice_in_an_object_refuses_its_line(line):
    """O13"""
    report = run(f'{line}\n{{"phone": "9820004009"}}\n')

    assert counts(report) == {"total": 2, "new": 1, "refused": 1}
    assert "twice. Remove one of them." in reasons(report)[0][2]
