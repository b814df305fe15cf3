"""Evidence stays: refused by the models, and by the database behind them."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import ProtectedError

from evidence.chains import CHAINS
from subscribers.append_only import AppendOnly, AppendOnlyError, seal
from subscribers.models import ConsentEvent, Subscriber
from tests.builders import a_subscriber
from tests.subscribers.moments import NOW


@pytest.fixture
def event(db):
    return a_subscriber().consent_events.create(kind="OPT_IN", source="test", at=NOW)


def source_of(event):
    return ConsentEvent.objects.values_list("source", flat=True).get(pk=event.pk)


@pytest.mark.parametrize(
    "change",
    [
        lambda event: event.save(),
        lambda event: event.save(update_fields=["source"]),
        lambda event: event.delete(),
        lambda _: ConsentEvent.objects.update(source="forged"),
        lambda event: ConsentEvent.objects.filter(pk=event.pk).delete(),
        lambda event: ConsentEvent.objects.bulk_update([event], ["source"]),
        lambda event: ConsentEvent.objects.update_or_create(
            pk=event.pk, defaults={"source": "forged"}
        ),
        lambda event: ConsentEvent.objects.bulk_create(
            [event], update_conflicts=True, unique_fields=["pk"], update_fields=["source"]
        ),
        lambda event: event.subscriber.consent_events.all().delete(),
        lambda event: event.subscriber.consent_events.update(source="forged"),
    ],
)
def test_the_model_refuses_every_change(event, change):
    event.source = "forged"

    with pytest.raises(AppendOnlyError, match="append-only"):
        change(event)

    assert source_of(event) == "test"


def test_a_new_object_with_an_old_key_does_not_overwrite(event):
    forged = ConsentEvent(
        pk=event.pk, subscriber=event.subscriber, kind="OPT_IN", source="forged", at=NOW
    )

    # refused as a second row, not as a change by the trigger behind it
    with pytest.raises(IntegrityError, match=r"(?i)unique"), transaction.atomic():
        forged.save()

    assert source_of(event) == "test"


def test_deleting_the_subscriber_does_not_take_the_evidence_along(event):
    with pytest.raises(ProtectedError):
        Subscriber.objects.all().delete()


def test_the_database_refuses_an_update_that_passes_the_models_by(event):
    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE subscribers_consentevent SET source = 'forged'")

    assert source_of(event) == "test"


@pytest.mark.usefixtures("on_postgres")  # SQLite guards updates only: see append_only.py
def test_postgresql_refuses_a_delete_that_passes_the_models_by(event):
    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM subscribers_consentevent")

    assert source_of(event) == "test"


@pytest.mark.parametrize(
    "model", [model for model in apps.get_models() if issubclass(model, AppendOnly)]
)
def test_every_append_only_table_is_sealed(model, db):
    table = model._meta.db_table
    query = (
        "SELECT count(*) FROM pg_trigger WHERE tgname = %s AND tgrelid = %s::regclass"
        if connection.vendor == "postgresql"
        else "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name = %s"
        " AND tbl_name = %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(query, [f"{table}_append_only", table])
        assert cursor.fetchone() == (1,), f"seal('{table}') is missing in a migration"


@pytest.mark.django_db(transaction=True)
def test_a_test_database_can_still_be_emptied():
    a_subscriber().consent_events.create(kind="OPT_IN", source="test", at=NOW)

    call_command("flush", interactive=False, verbosity=0)

    assert ConsentEvent.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_the_seal_can_be_taken_off_and_put_back_by_migrations():
    subscriber = a_subscriber()
    subscriber.consent_events.create(kind="OPT_IN", source="test", at=NOW)
    update = "UPDATE subscribers_consentevent SET source = '{}'".format
    (chain,) = (chain for chain in CHAINS if chain.model is ConsentEvent)
    operation = seal(chain.table, chain.layout.personal)  # as other tests must find it again

    with connection.schema_editor() as editor:
        operation.reverse_code(apps, editor)
    with connection.cursor() as cursor:
        cursor.execute(update("changed"))
    with connection.schema_editor() as editor:
        operation.code(apps, editor)

    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute(update("forged"))
