"""`manage.py import_subscribers` as an operator sees it."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from subscribers.management.commands import import_subscribers
from subscribers.models import ConsentEvent, Subscriber
from tests.subscribers.workbooks import a_workbook

pytestmark = pytest.mark.django_db

CONSENT = "--consent-source=Form of June"
MIXED = "phone;name\n9812345678;Asha\n9.81235E+11;Ravi\n12;=HYPERLINK(1)\n"


@pytest.fixture
def people(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(MIXED)
    return path


def command(*arguments):
    out, err = io.StringIO(), io.StringIO()
    call_command("import_subscribers", *map(str, arguments), stdout=out, stderr=err)
    return out.getvalue().splitlines(), err.getvalue().splitlines()


def test_the_counts_and_the_refused_lines_are_printed(people):
    out, err = command(people, CONSENT)

    assert out == [
        "people.csv: 3 rows, utf-8, separated by semicolons",
        "  new                    1",
        "  changed                0",
        "  unchanged              0",
        "  kept opted out         0",
        "  refused                2",
    ]
    assert err[0] == (
        "line 3, phone “*.*****E+11”: Excel has shortened this number and lost its last digits."
        " Format the column as text and export the file again."
    )
    assert err[1].startswith("line 4, phone “12”: The number has too few digits")
    assert ConsentEvent.objects.get().notice == "Form of June"


def test_a_workbook_is_read_as_in_the_admin(tmp_path):
    path = tmp_path / "people.xlsx"
    path.write_bytes(
        a_workbook(
            ["Mobile Number", "Name", "City"], ["98123 45678", "Asha", "Pune"], ["12", "Ravi"]
        )
    )

    out, err = command(path, CONSENT)

    assert out[1] == "  new                    1"
    assert out[5] == "  refused                1"
    assert err[0].startswith("line 3, ")
    person = Subscriber.objects.get()
    assert (person.phone, person.name) == ("+919812345678", "Asha")
    assert person.attributes == {"city": "Pune"}


@pytest.mark.parametrize("name", ["people.csv", "people.jsonl"])
def test_the_limit_is_the_admins(tmp_path, name, monkeypatch):
    monkeypatch.setattr(import_subscribers, "UPLOAD_BYTES_LIMIT", 2**20)
    path = tmp_path / name
    path.write_bytes(b"phone\n" + b"9812345678\n" * (2**20 // 11 + 1))

    with pytest.raises(CommandError, match="larger than 1 MB"):
        command(path, CONSENT)


def test_a_dry_run_says_so_and_writes_nothing(people):
    out, _ = command(people, "--dry-run")

    assert out[-1] == "Dry run. Nothing was saved."
    assert out[1] == "  new                    1"
    assert Subscriber.objects.count() == 0


def test_a_long_list_of_refusals_is_cut_short(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("phone\n" + "1\n" * 1_500)

    _, err = command(path, CONSENT)

    assert len(err) == 21
    assert err[-1] == "… and 1,480 more: --refused FILE.csv writes them all."


def test_all_refusals_go_to_a_file_that_no_spreadsheet_executes(tmp_path):
    source, refused = tmp_path / "people.csv", tmp_path / "refused.csv"
    source.write_text("phone,=tier\n" + "@1,\n" * 1_500)

    command(source, CONSENT, "--refused", refused)

    with refused.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["line", "column", "reason", "cell"]
    assert len(rows) == 1_501
    assert rows[1][0::3] == ["2", "'@1"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nothing.csv", CONSENT], "The file cannot be opened: No such file or directory."),
        (
            ["people.csv", "--consent-source="],
            "Enter how these people consented (consent source).",
        ),
        (
            ["people.csv", CONSENT, "--refused", "no/such/folder.csv"],
            "Cannot write no/such/folder.csv: No such file or directory.",
        ),
    ],
)
def test_what_cannot_be_done_is_one_sentence(people, monkeypatch, arguments, sentence):
    monkeypatch.chdir(people.parent)

    with pytest.raises(CommandError) as error:
        command(*arguments)

    assert str(error.value) == sentence
    assert Subscriber.objects.count() == 0


def test_without_a_consent_source_the_operators_word_is_kept(people):
    command(people)

    sources = set(ConsentEvent.objects.values_list("source", flat=True))
    notices = set(ConsentEvent.objects.values_list("notice", flat=True))
    assert any("import_subscribers" in text for text in sources | notices)


def test_a_number_that_stays_paused_is_mentioned(people):
    Subscriber.objects.create(phone="+919812345678", status="PAUSED")

    out, _ = command(people, CONSENT)

    assert out[-1] == "1 stay paused or invalid."


def manage(*arguments, text):
    """The command as its own process; a dry run asks the database nothing but what is there."""
    return subprocess.run(
        [sys.executable, "manage.py", "import_subscribers", *arguments],
        input=text,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
        check=False,
    )


def test_standard_input_and_the_exit_code_of_a_refused_file():
    done = manage("-", "--dry-run", text="PK\x03\x04")

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        "CommandError: The workbook is damaged. Open it in Excel, copy the list into a new workbook"
        " or save it as “CSV UTF-8”.\n"
    )


def test_refused_rows_are_no_failure():
    # Every row is refused, so the process does not even need the tables.
    done = manage("-", "--dry-run", text="phone\n12\n")

    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == "standard input: 1 rows, utf-8, separated by commas"
    assert done.stderr.startswith("line 2, phone “12”: ")
