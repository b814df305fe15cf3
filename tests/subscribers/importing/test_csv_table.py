"""Bytes that claim to be a CSV file, honest and hostile."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subscribers.importing.tables import csv_table, text_file
from subscribers.importing.tables.csv_table import open_table
from subscribers.importing.tables.records import ImportRefused


def read(data):
    with open_table(io.BytesIO(data)) as table:
        return table.header, [(record.line, record.cells) for record in table.records()]


def faults(data):
    with open_table(io.BytesIO(data)) as table:
        return [(record.line, record.fault) for record in table.records() if record.fault]


def refusal(data):
    with pytest.raises(ImportRefused) as refused, open_table(io.BytesIO(data)):
        pass
    return str(refused.value)


PLAIN = "phone,name\n+919812345678,आशा\n"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (PLAIN.encode(), "utf-8"),
        (PLAIN.encode("utf-8-sig"), "utf-8-sig"),
        (PLAIN.encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + PLAIN.encode("utf-16-be"), "utf-16"),
        (PLAIN.encode("utf-32"), "utf-32"),
    ],
)
def test_unicode_is_read_in_every_encoding(data, encoding):
    with open_table(io.BytesIO(data)) as table:
        assert table.encoding == encoding
        assert table.header == ["phone", "name"]
        assert [record.cells for record in table.records()] == [["+919812345678", "आशा"]]


def test_windows_text_is_recognised_however_late_it_shows():
    data = b"phone,name\n" + b"1,a\n" * 50_000 + "2,Zoë “Z”\n".encode("cp1252")

    header, rows = read(data)

    assert header == ["phone", "name"]
    assert rows[-1] == (50_002, ["2", "Zoë “Z”"])


def test_bytes_of_no_other_encoding_are_read_as_latin_1():
    with open_table(io.BytesIO(b"phone,name\n1,\x81\xe9\n")) as table:
        assert table.encoding == "latin-1"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_by_the_header(delimiter):
    text = "phone,full name,plan\n1,a,b\n".replace(",", delimiter)

    assert read(text.encode()) == (["phone", "full name", "plan"], [(2, ["1", "a", "b"])])


def test_a_delimiter_inside_quotation_marks_does_not_count():
    assert read(b'phone;"name, or; nickname"\n1;a\n') == (
        ["phone", "name, or; nickname"],
        [(2, ["1", "a"])],
    )


def test_excels_hint_line_and_blank_lines_are_skipped():
    assert read(b"sep=;\r\n\r\nphone;name\r\n\r\n1;a\r\n;;\r\n   \r\n2;b") == (
        ["phone", "name"],
        [(5, ["1", "a"]), (8, ["2", "b"])],
    )


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_counted_as_the_file_has_them(end):
    text = f'phone,note{end}1,"two{end}lines"{end}2,b{end}'

    _, rows = read(text.encode())

    assert rows == [(2, ["1", f"two{end}lines"]), (4, ["2", "b"])]


def test_a_header_may_hold_a_line_break():
    header, rows = read(b'"phone\nnumber",name\n1,a\n')

    assert (header, rows) == (["phone\nnumber", "name"], [(3, ["1", "a"])])


def test_a_stray_quotation_mark_costs_its_own_line_only():
    data = b'phone,name\n1,"open\n2,b\n3,5" pipe\n4,"x"y\n5,e\n'

    assert faults(data) == [
        (2, csv_table._OPEN_QUOTE),
        (5, csv_table._STRAY_QUOTE),
    ]
    _, rows = read(data)
    assert [cells for _, cells in rows if cells] == [["2", "b"], ["3", '5" pipe'], ["5", "e"]]


def test_many_open_quotation_marks_do_not_take_long():
    data = b"phone,name\n" + b'1,"open\n' * 60_000

    assert len(faults(data)) == 60_000


def test_a_nul_character_costs_its_own_line_only():
    data = b"phone,name\n1,a\n2,b\0c\n" + b"3,c\n" * 50

    assert [line for line, _ in faults(data)] == [3]


def test_a_line_of_ten_megabytes_costs_its_own_line_only():
    data = b"phone,name\n1,a\n2," + b"x" * 10_000_000 + b"\n3,c\n"

    assert faults(data) == [(3, "is longer than 100,150 characters. Shorten it.")]
    assert read(data)[1][-1] == (4, ["3", "c"])


def test_a_line_just_as_long_as_allowed_is_read():
    data = b"phone,name\n1," + b"x" * (csv_table.MAX_LINE - 3) + b"\n2,b\n"

    assert faults(data) == []


def zipped(name):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, "x")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "The file is empty. The first line must name the columns."),
        (b"\xef\xbb\xbf", "The file is empty. The first line must name the columns."),
        (b"\n\n  \n", "The file is empty. The first line must name the columns."),
        (
            zipped("xl/workbook.xml"),
            "This is an Excel workbook or a ZIP archive, not CSV."
            " Open it and save it as “CSV UTF-8”.",
        ),
        (b"PK\x05\x06" + bytes(18), "This is an empty ZIP archive, not CSV."),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512),
            "This is an old Excel workbook, not CSV. Open it and save it as “CSV UTF-8”.",
        ),
        (gzip.compress(PLAIN.encode()), "This file is compressed. Unpack it first."),
        (b"%PDF-1.7", "This is a PDF. Export the list as CSV instead."),
        (
            b"\n<html><table>",
            "This is a web page or XML, not CSV. Open it and save it as “CSV UTF-8”.",
        ),
        (
            bytes(range(256)) * 100,
            "This is not a text file. If it is a workbook, open it and save it as “CSV UTF-8”.",
        ),
        (
            PLAIN.encode("utf-16-le"),
            "This is not a text file. If it is a workbook, open it and save it as “CSV UTF-8”.",
        ),
        (
            PLAIN.encode("utf-16") + b"\xd8",
            "The file is damaged or not in the encoding it claims."
            " Open it and save it as “CSV UTF-8”.",
        ),
        (
            ",".join(f"c{number}" for number in range(10_000)).encode(),
            "The file has more than 50 columns. Remove some.",
        ),
        (
            b"p" * 200_000,
            "The first line is longer than 100,150 characters. Shorten it.",
        ),
        (
            b'phone,"name\n1,a\n',
            "The first line has an opening quotation mark without a closing one. "
            "Close it or remove it.",
        ),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_what_is_no_csv_is_refused_with_what_to_do(data, sentence):
    assert refusal(data) == sentence


def test_as_many_lines_and_bytes_as_allowed_are_read(settings, monkeypatch):
    settings.IMPORT_MAX_ROWS = 2_000
    with open_table(io.BytesIO(b"phone\n" + b"1\n" * 2_000)) as table:
        assert sum(1 for _ in table.records()) == 2_000
    assert refusal(b"phone\n" + b"1\n" * 2_001) == "The file has more than 2,000 lines. Split it."
    monkeypatch.setattr(text_file, "MAX_SIZE", 2**20)
    much = b"phone\n" + b"\n" * 2**20
    assert refusal(much) == "The file is larger than 1 MB. Split it."


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with (
        pytest.raises(ImportRefused, match="The file cannot be opened: No such file"),
        open_table(tmp_path / "nothing.csv"),
    ):
        pass


def test_a_directory_is_refused(tmp_path):
    with pytest.raises(ImportRefused, match="The file cannot be opened"), open_table(tmp_path):
        pass


def test_a_pipe_is_read_and_stays_its_owners():
    ours, theirs = os.pipe()
    with os.fdopen(theirs, "wb") as writer:
        writer.write(PLAIN.encode())

    with os.fdopen(ours, "rb") as reader:
        with open_table(reader) as table:
            assert [record.cells for record in table.records()] == [["+919812345678", "आशा"]]
        assert not reader.closed


def test_an_endless_pipe_is_read_to_the_limit_only(monkeypatch):
    for module in (csv_table, text_file):
        monkeypatch.setattr(module, "MAX_SIZE", 50 * 2**20)

    def pour(descriptor):
        with os.fdopen(descriptor, "wb") as writer:
            try:
                while True:
                    writer.write(b"x" * 2**20)
            except BrokenPipeError:
                return

    ours, theirs = os.pipe()
    with ThreadPoolExecutor(1) as other:
        other.submit(pour, theirs)
        with (
            os.fdopen(ours, "rb") as reader,
            pytest.raises(ImportRefused, match="larger than 50 MB"),
            open_table(reader),
        ):
            pass


@settings(deadline=None)
@given(st.binary(max_size=300) | st.text(alphabet='ab",;\n\r\t\0', max_size=80).map(str.encode))
def test_any_bytes_are_records_or_refused(data):
    try:
        with open_table(io.BytesIO(data)) as table:
            lines = [record.line for record in table.records()]
    except ImportRefused:
        return

    assert lines == sorted(set(lines))
