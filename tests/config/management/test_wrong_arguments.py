"""Arguments that a command cannot use, and missing tables: a sentence, never a traceback."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from config.management import command_errors

pytestmark = pytest.mark.django_db

WRONG_ARGUMENTS = {
    "check_integrity": ["--distribution", str(10**30)],
    "create_token": ["crm", "--user", "nobody", "--scope", "read", "--days", str(10**20)],
    "import_subscribers": ["/nowhere.csv"],
    "quarantine": [
        *("--restored-to", "2026-11-23T06:01", "--reason", "x"),
        *("--margin-minutes", str(10**20)),
    ],
    "replay_webhooks": ["--all", "1"],
    "resume_distribution": [str(10**30)],
    "worker": ["no-such-queue"],
    "demo": ["--subscribers", "-1"],
    "up": ["--senders", "0"],
}


@pytest.mark.parametrize("name", WRONG_ARGUMENTS)
def test_wrong_arguments_never_end_in_a_traceback(monkeypatch, capsys, name: str) -> None:
    monkeypatch.setattr("django.core.management.base.connections.close_all", lambda: None)

    try:
        code = command_errors.run(["manage.py", name, *WRONG_ARGUMENTS[name]])
    except SystemExit as end:
        code = end.code

    said = capsys.readouterr().err
    assert code
    assert "Traceback" not in said
    assert said.strip()


def test_tables_that_are_missing_name_the_command_to_run(monkeypatch, capsys) -> None:
    def ask(_: object) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM a_table_of_a_later_version")

    monkeypatch.setattr(command_errors, "execute_from_command_line", ask)

    assert command_errors.run(["manage.py", "check_integrity"]) == 1
    assert capsys.readouterr().err == (
        "The database is not up to date: run `python manage.py migrate`.\n"
    )
