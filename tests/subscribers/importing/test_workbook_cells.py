"""Workbooks: what the cells and sheets of the format mean, and what is refused with a remedy."""

from __future__ import annotations

import io

import pytest
from openpyxl import Workbook
from openpyxl.styles import PatternFill

from subscribers.importing import jobs
from subscribers.importing.tables import workbook
from subscribers.importing.tables.records import MAX_COLUMNS, ImportRefused
from subscribers.models import ImportJob, Subscriber
from tests.subscribers.imports import counts, reasons, run
from tests.subscribers.moments import NOW
from tests.subscribers.workbooks import a_workbook, rebuilt

pytestmark = pytest.mark.django_db


def a_book(**sheets: list[list[object]]) -> Workbook:
    book = Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    return book


def saved(book: Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def imported(content: bytes) -> ImportJob:
    job = jobs.submit(content, "list.xlsx", by="boss", now=NOW, consent_source="Form of June")
    jobs.run(job.pk, clock=lambda: NOW)
    return ImportJob.objects.get(pk=job.pk)


def people(prefix: int, count: int) -> list[list[object]]:
    return [["Phone", "Name"], *[[prefix + n, f"P{n}"] for n in range(count)]]


def test_coloured_rows_without_content_are_no_lines():
    """P1"""
    book = a_book(S=people(9820000001, 3))
    for row in range(5, 30_000):
        book.active.cell(row, 1).fill = PatternFill("solid", fgColor="FFFFFF")

    job = imported(saved(book))

    assert (job.state, job.counts["total"], job.counts["new"], job.lines) == ("DONE", 3, 3, 4)


def test_a_person_far_below_blank_rows_keeps_the_number_of_the_row():
    """P1: only content counts towards the 200,000 lines."""
    book = a_book(S=people(9820000001, 1))
    book.active.cell(250_000, 1).value = 12

    job = imported(saved(book))

    assert (job.counts["total"], job.counts["new"]) == (2, 1)
    assert [row["line"] for row in job.samples["refused"]] == [250_000]


@pytest.mark.parametrize("word", ["#N/A", "#REF!", "#DIV/0!"])
def test_an_error_value_refuses_its_row(word):
    """P4"""
    book = a_book(S=[*people(9820000201, 1), [9820000209, word]])
    book.active["B3"].data_type = "e"

    report = run(workbook.to_csv(saved(book)))

    assert counts(report) == {"total": 2, "new": 1, "refused": 1}
    assert reasons(report)[0][2].startswith(f"The cell contains Excel's error {word}")


def test_people_on_a_second_sheet_are_not_left_out():
    """P5"""
    job = imported(saved(a_book(Pune=people(9820000301, 1), Mumbai=people(9820000311, 5))))

    assert job.state == "REFUSED"
    assert job.problem == (
        "The workbook has people on 2 sheets: “Pune” (1 line), “Mumbai” (5 lines). Put them on one"
        " sheet, or save each sheet as a separate workbook, so that nobody is left out."
    )
    assert not Subscriber.objects.exists()


def test_the_sheet_with_the_people_is_read_and_the_others_are_named():
    """P5: Apple Numbers puts a summary first."""
    book = a_book(
        Summary=[["This document was exported"], ["x"]],
        List=people(9820000301, 2),
        Notes=[["a"]],
        Old=people(9820000311, 5),
        Empty=[],
    )
    book["Old"].sheet_state = "hidden"

    job = imported(saved(book))

    assert (job.state, job.counts["new"]) == ("DONE", 2)
    assert job.samples["notes"] == [
        "Only the sheet “List” (2 lines) is read. Not read: “Summary” (2 lines), “Notes” (1 line),"
        " “Old” (5 lines, hidden)."
    ]


def test_hidden_rows_are_read_and_mentioned():
    """P5: the other way round"""
    book = a_book(S=people(9820000301, 3))
    book.active.row_dimensions[3].hidden = True

    job = imported(saved(book))

    assert job.counts["new"] == 3
    assert job.samples["notes"][0].startswith("1 of its rows are hidden in Excel")


def test_a_workbook_of_hidden_sheets_is_refused():
    """P5"""
    book = a_book(A=people(9820000301, 1), B=[])
    book["A"].sheet_state = "hidden"
    book.active = 1
    content = rebuilt(
        saved(book), lambda _, part: part.replace(b'state="visible"', b'state="hidden"')
    )

    with pytest.raises(ImportRefused, match="All sheets of the workbook are hidden"):
        workbook.to_csv(content)


def test_a_formula_that_was_never_computed_refuses_its_row():
    """O7"""
    book = a_book(
        S=[
            ["Phone", "Name"],
            ['="98200"&"00421"', "Asha"],
            [9820000422, '=A2&"x"'],
            [9820000423, "Ravi"],
        ]
    )

    report = run(workbook.to_csv(saved(book)))

    assert counts(report) == {"total": 3, "new": 1, "refused": 2}
    assert [(line, column) for line, column, _ in reasons(report)] == [(2, "Phone"), (3, "Name")]
    assert (
        "a formula without a result. Open the workbook in Excel, save it" in reasons(report)[0][2]
    )


def test_a_formula_whose_value_is_stored_is_read_and_an_empty_text_is_blank():
    """O7"""
    content = rebuilt(
        a_workbook(["Phone", "Name", "City"], [9820000421, "=B1", "=C1"]),
        lambda name, part: (
            part.replace(b'<c r="B2"><f>B1</f><v />', b'<c r="B2" t="str"><f>B1</f><v>Asha</v>')
            .replace(b'<c r="B2"><f>B1</f><v/>', b'<c r="B2" t="str"><f>B1</f><v>Asha</v>')
            .replace(b'<c r="C2"><f>C1</f><v />', b'<c r="C2" t="str"><f>C1</f><v></v>')
            .replace(b'<c r="C2"><f>C1</f><v/>', b'<c r="C2" t="str"><f>C1</f><v></v>')
            if "sheet1" in name
            else part
        ),
    )

    assert workbook.to_csv(content).decode() == "Phone,Name,City\n9820000421,Asha\n"


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        ("Asha_x000D_Rao", "Asha Rao"),
        ("_x0041_sha", "Asha"),
        ("_x005F_x0041_", "_x0041_"),
        ("x005F_y", "x005F_y"),
        ("_xD83D__xDE00_", "😀"),
        ("_xD83D_", ""),
    ],
)
def test_the_escapes_of_office_files_are_the_characters_they_stand_for(stored, read):
    """P4: what a file format means"""
    lines = workbook.to_csv(a_workbook(["Phone", "Name"], [1, stored])).decode().split("\n")

    assert lines[1].split(",")[1:] == ([read] if read else [])


def test_a_number_has_the_digits_that_excel_shows():
    """P4"""
    assert workbook.to_csv(a_workbook(["Phone"], [0.1 + 0.2])) == b"Phone\n0.3\n"


def test_a_cell_beyond_the_last_column_refuses_its_row_and_is_not_cut_off():
    """O5: nothing is truncated silently, in or out."""
    row = [9820000421, *[""] * 60, "far"]

    report = run(workbook.to_csv(a_workbook(["Phone", "Name"], row)))

    assert counts(report) == {"total": 1, "refused": 1}
    assert f"has {MAX_COLUMNS + 1} cells for 2 columns" in reasons(report)[0][2]


def test_an_export_as_workbook_comes_back_with_its_underscores():
    """O5"""
    from subscribers.people import export

    run("phone,name\n9820000421,_x0041_\n")
    with export.as_xlsx(Subscriber.objects.all()) as file:
        report = run(workbook.to_csv(file.read()))

    assert counts(report) == {"total": 1, "unchanged": 1}
