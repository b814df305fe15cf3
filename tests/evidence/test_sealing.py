"""What the databases refuse of tables of evidence, and the one change that they let pass."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from evidence.chains import CHAINS
from subscribers.models import ConsentEvent
from tests.builders import a_subscriber
from tests.subscribers.moments import NOW

pytestmark = pytest.mark.django_db
EVENTS = "subscribers_consentevent"
SEALED = [*(chain.label for chain in CHAINS), "evidence.ChainLink"]


def an_event() -> ConsentEvent:
    return a_subscriber().consent_events.create(
        kind="OPT_IN", source="whatsapp:START", evidence="wamid.1", actor="asha", at=NOW
    )


def execute(query: str, *parameters: object) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(query, parameters)


@pytest.mark.usefixtures("on_postgres")
@pytest.mark.parametrize("label", SEALED)
def test_no_table_of_evidence_is_emptied(label):
    table = apps.get_model(label)._meta.db_table

    with pytest.raises(IntegrityError, match=f"{table} is append-only"):
        execute(f"TRUNCATE {table} CASCADE")


@pytest.mark.usefixtures("on_postgres")
@pytest.mark.parametrize(
    "tables", [EVENTS, f"{EVENTS} RESTART IDENTITY", f"axes_accesslog, {EVENTS}"]
)
def test_nor_in_any_other_way(tables):
    with pytest.raises(IntegrityError, match="append-only"):
        execute(f"TRUNCATE {tables}")


@pytest.mark.usefixtures("on_postgres")
@pytest.mark.parametrize("table", ["subscribers_subscriber", "auth_user"])
def test_emptying_what_the_evidence_refers_to_is_refused_too(table):
    with pytest.raises(IntegrityError, match="append-only"):
        execute(f"TRUNCATE {table} CASCADE")


@pytest.mark.usefixtures("on_postgres", "plain_table")  # in partitions nothing refers to them
def test_and_emptying_the_deliveries():
    with pytest.raises(IntegrityError, match="append-only"):
        execute("TRUNCATE distribution_delivery CASCADE")


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("on_postgres")
def test_the_tests_flush_is_the_only_way_and_leaves_the_triggers_as_they_were():
    an_event()
    call_command("flush", interactive=False, verbosity=0)
    assert not ConsentEvent.objects.exists()
    an_event()

    for statement in (f"TRUNCATE {EVENTS}", f"DELETE FROM {EVENTS}"):
        with pytest.raises(IntegrityError, match="append-only"):
            execute(statement)


@pytest.mark.parametrize("column", ["evidence", "source", "notice", "actor"])
def test_a_personal_column_may_be_blanked_and_nothing_else(column):
    event = an_event()

    execute(f"UPDATE {EVENTS} SET {column} = 'erased:{event.pk}'")

    assert getattr(ConsentEvent.objects.get(), column) == f"erased:{event.pk}"


@pytest.mark.parametrize(
    "change",
    [
        "evidence = 'wamid.2'",
        "evidence = 'erased'",
        "evidence = 'erased:0'",
        "evidence = ''",
        "evidence = 'erased:' || id, kind = 'OPT_OUT'",
        "evidence = 'erased:' || id, source = 'forged'",
        "notice = 'another'",
        "kind = ''",
        "id = id + 1, evidence = 'erased:' || id",
        "subscriber_id = subscriber_id + 1",
    ],
)
def test_any_other_change_is_refused(change):
    an_event()

    with pytest.raises(IntegrityError, match="append-only"):
        execute(f"UPDATE {EVENTS} SET {change}")

    assert ConsentEvent.objects.get().evidence == "wamid.1"
