"""A copy of the database answers analytics, and nothing else; without it the database does."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, OperationalError, connection, connections
from django.utils import timezone

from distribution.models import Alert, Kind, Rollup
from distribution.runtime import replica
from tests.api.tokens import a_program
from tests.builders import a_planned_distribution, a_subscriber, a_template, an_open_distribution

pytestmark = pytest.mark.django_db
URL = "/api/distribution/analytics"


@pytest.fixture(autouse=True)
def figures() -> None:
    planned = a_planned_distribution(timezone.now(), kind=Kind.ONE_TIME)
    Rollup.objects.create(
        distribution=planned,
        day=planned.local_date,
        tier="PRO",
        language="en",
        outcome="accepted",
        reason="",
        count=7,
        delivered=5,
        read=3,
    )


@pytest.fixture
def copy(tmp_path: Path, on_sqlite: None) -> Iterator[Path]:
    """The tables without what this test's transaction holds: it lags behind."""
    file = tmp_path / "copy.sqlite3"
    source = sqlite3.connect(connection.settings_dict["NAME"])
    target = sqlite3.connect(file)
    source.backup(target)
    for one in (source, target):
        one.close()
    connections.settings[replica.REPLICA] = {**connection.settings_dict, "NAME": str(file)}
    connections[replica.REPLICA].connect()  # Django forbids tests a database that came so late
    yield file
    connections[replica.REPLICA].close()
    del connections.settings[replica.REPLICA]
    delattr(connections._connections, replica.REPLICA)  # type: ignore[attr-defined]


def recipients() -> int:
    # The token is in the database only: who asks is looked up there.
    answer = a_program("read").get(URL)
    assert answer.status_code == 200, answer.content
    return int(answer.json()["total"]["recipients"])


def test_without_a_copy_the_database_answers():
    assert recipients() == 7


def test_the_copy_answers_although_it_lags_behind(copy):
    assert recipients() == 0


@pytest.mark.parametrize("kind", ["subscribers", "templates"])
def test_lists_come_from_the_copy_and_one_record_from_the_database(copy, kind):
    made = a_subscriber() if kind == "subscribers" else a_template()
    program, url = a_program("read", "subscribers"), f"/api/distribution/{kind}"

    assert program.get(url).json()["results"] == []
    assert program.get(f"{url}/{made.pk}").status_code == 200


def test_deliveries_come_from_the_copy_as_pages_and_as_a_stream(copy, monkeypatch):
    one, program = an_open_distribution(2), a_program("subscribers")
    url = f"/api/distribution/{one.pk}/deliveries"

    def streamed() -> int:
        answer = program.get(url, {"reason": "Audit"}, headers={"Accept": "text/csv"})
        return len(answer.getvalue().splitlines()) - 1  # the header

    assert program.get(url).json()["results"] == []  # and not 404: it is there
    assert streamed() == 0

    def away() -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(connections[replica.REPLICA], "ensure_connection", away)
    assert streamed() == 2


def test_a_copy_that_is_away_is_done_without(copy, caplog):
    broken = sqlite3.connect(copy)
    broken.execute("DROP TABLE distribution_rollup")
    broken.close()

    assert recipients() == 7
    assert "copy does not serve" in caplog.text


def test_only_what_is_asked_inside_goes_there_and_writing_never(copy):
    def asked() -> tuple[Any, ...]:
        router = replica.ReadRouter()
        return router.db_for_read(Alert), router.db_for_write(Alert)

    assert replica.read_from_replica(asked) == ("replica", None)
    assert asked() == (None, None)
    assert replica.ReadRouter().allow_migrate("replica", "distribution") is False


def test_what_breaks_for_another_reason_is_not_tried_again(copy):
    def broken() -> None:
        raise DatabaseError("no such column")

    with pytest.raises(DatabaseError, match="no such column"):
        replica.read_from_replica(broken)
