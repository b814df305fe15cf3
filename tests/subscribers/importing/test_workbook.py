"""Workbooks: read like CSV, and refused when they were made to burst."""

from __future__ import annotations

import stat
import zipfile

import pytest

from subscribers.importing.tables import workbook, workbook_script
from subscribers.importing.tables.records import ImportRefused
from tests.subscribers.workbooks import a_workbook, an_archive, rebuilt

BOMB = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><x>&b;</x>"""
FETCH = """<?xml version="1.0"?><!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>"""


def a_link() -> zipfile.ZipInfo:
    part = zipfile.ZipInfo("xl/link")
    part.external_attr = (stat.S_IFLNK | 0o777) << 16
    return part


def test_numbers_come_out_as_they_were_typed_and_rows_keep_their_numbers():
    content = a_workbook(
        ["Phone", "Name"],
        [919812345678, "Asha"],
        [],
        ["098123 45679", "Ravi\nKumar"],
        [9.19812345670e11, True],
    )

    lines = workbook.to_csv(content).decode().split("\n")

    assert lines == [
        "Phone,Name",
        "919812345678,Asha",
        "",
        "098123 45679,Ravi Kumar",
        "919812345670,TRUE",
        "",
    ]


@pytest.mark.parametrize(
    ("cell", "text"),
    [(None, ""), (1.5, "1.5"), (2.0, "2"), (False, "FALSE"), ("a\r\nb", "a b"), (1e20, "1e+20")],
)
def test_a_cell_is_text_as_a_person_would_type_it(cell, text):
    assert workbook_script.text(cell) == text


def test_a_cell_far_to_the_right_does_not_make_rows_of_16384_cells():
    content = rebuilt(
        a_workbook(["Phone"], ["1"]),
        lambda name, part: part.replace(b'r="A2"', b'r="XFD2"') if "sheet1" in name else part,
    )

    assert workbook.to_csv(content).count(b",") <= workbook_script.MAX_COLUMNS


def test_a_row_far_down_ends_at_the_limit():
    content = rebuilt(
        a_workbook(["Phone"], ["1"]),
        lambda name, part: (
            part.replace(b'r="2"', b'r="1048576"').replace(b'"A2"', b'"A1048576"')
            if "sheet1" in name
            else part
        ),
    )

    assert workbook.to_csv(content).count(b"\n") <= workbook_script.MAX_ROWS


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ([(f"xl/{n}.bin", b"") for n in range(1000)], "more than 1,000 parts"),
        ([("xl/sheet.bin", bytes(30_000_000))], "compressed too much"),
        ([(a_link(), b"/etc/passwd")], "Excel does not write"),
        ([("../../x", b"1")], "Excel does not write"),
        ([("/abs", b"1")], "Excel does not write"),
        ([("xl/a.xml", BOMB.encode())], "code that Excel"),
        ([("xl/a.xml", BOMB.encode("utf-16"))], "code that Excel"),
        ([("xl/_rels/a.rels", FETCH.encode())], "code that Excel"),
        (
            [("xl/a.xml", b"<x>" + b" " * 300_000 + b"<!DOCTYPE x>")],
            "code that Excel",
        ),
        ([], "cannot be read"),
    ],
)
def test_a_hostile_archive_is_refused_with_a_sentence(parts, says):
    with pytest.raises(ImportRefused, match=says):
        workbook.to_csv(an_archive(*parts))


def test_a_bomb_is_refused_by_what_it_claims_before_anything_is_unpacked(monkeypatch):
    monkeypatch.setattr(workbook, "MAX_UNPACKED", 1_000_000)
    monkeypatch.setattr(workbook, "_check_xml", lambda _: pytest.fail("unpacked"))

    with pytest.raises(ImportRefused, match="unpacks to over"):
        workbook.to_csv(an_archive(("xl/big.xml", bytes(2_000_000))))


def test_what_is_no_workbook_or_broken_is_refused_with_a_sentence():
    good = a_workbook(["Phone"], ["1"])

    for content, says in [
        (good[: len(good) // 2], "damaged"),
        (b"PK\x03\x04 and nothing more", "damaged"),
        (good.replace(b"xl/workbook.xml", b"xl/workbooq.xml"), "not an Excel workbook"),
        (bytes(workbook.MAX_SIZE + 1), "larger than 15 MB"),
    ]:
        with pytest.raises(ImportRefused, match=says):
            workbook.to_csv(content)


def test_a_reader_that_takes_too_long_is_stopped(monkeypatch, tmp_path):
    script = tmp_path / "slow.py"
    script.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(workbook, "_SCRIPT", script)
    monkeypatch.setattr(workbook, "CONVERSION_SECONDS", 0.5)

    with pytest.raises(ImportRefused, match="takes too long"):
        workbook.to_csv(a_workbook(["Phone"]))


def test_the_reader_cannot_take_more_memory_than_it_is_given(monkeypatch, tmp_path):
    script = tmp_path / "greedy.py"
    source = workbook_script.__file__
    script.write_text(
        f"import runpy\nrunpy.run_path({source!r})['_limit']()\nbytearray(2 * 2**30)\n"
    )
    monkeypatch.setattr(workbook, "_SCRIPT", script)

    with pytest.raises(ImportRefused, match="cannot be read"):
        workbook.to_csv(a_workbook(["Phone"]))
