"""`manage.py partition_deliveries`, and what stands in its way."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, ProgrammingError, connection, models, transaction

from distribution.ledger.partitions import ahead, conversion
from distribution.models import Attempt, Delivery, DistributionState
from distribution.runtime import partitions
from tests.builders import an_open_distribution

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
KEYS = "SELECT conname, contype FROM pg_constraint WHERE conrelid = %s::regclass ORDER BY 1, 2"
INDEXES = "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = %s::regclass ORDER BY 1"
# Indexes of partitions that belong to none of the parent's.
ALONE = """
    SELECT indexrelid::regclass::text FROM pg_index JOIN pg_inherits AS leaf ON indrelid = inhrelid
     WHERE leaf.inhparent = 'distribution_delivery'::regclass
       AND NOT EXISTS (SELECT FROM pg_inherits AS above WHERE above.inhrelid = indexrelid)
"""


def ask(query: str, *parameters: object) -> list:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters or None)
        return cursor.fetchall()


def convert() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as at a COMMIT
    call_command("partition_deliveries", verbosity=0)


def test_on_sqlite_it_says_that_only_postgresql_has_partitions(on_sqlite):
    with pytest.raises(CommandError, match="Only PostgreSQL has partitions"):
        call_command("partition_deliveries")
    assert not partitions.is_partitioned()
    assert partitions.within_sql([1, 2], "d") == ""


@pytest.fixture
def plain(on_postgres, plain_table):
    yield
    partitions.forget()


def test_nothing_is_lost_and_nothing_renamed(plain, capsys):
    distribution = an_open_distribution(5, now=NOW)
    rows = list(Delivery.objects.order_by("pk").values())
    first = Delivery.objects.order_by("pk")[0]
    Attempt.objects.create(
        delivery=first, attempt_id="a", outcome="UNKNOWN", reason="r", ended_at=NOW
    )
    keys = ask(KEYS, "distribution_delivery")
    indexes = ask(INDEXES, "distribution_delivery")
    with pytest.raises(CommandError, match="is open"):
        convert()
    distribution.state = DistributionState.COMPLETED
    distribution.save()
    call_command("partition_deliveries", "--dry-run")
    told = capsys.readouterr().out
    end = (distribution.pk // 31 + 1) * 31
    assert f"distribution_delivery_past, for all distributions below {end}" in told
    assert "distribution_attempt, distribution_duplicate, distribution_verdict" in told
    assert not partitions.read()
    with connection.cursor() as cursor:  # an earlier call was interrupted after its first index
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(
            "CREATE UNIQUE INDEX distribution_delivery_pkey_parted"
            " ON distribution_delivery (id, distribution_id)"
        )

    convert()

    assert ask(KEYS, "distribution_delivery") == keys
    assert ask(INDEXES, "distribution_delivery") == indexes
    assert ask(ALONE) == []
    assert [(one.first, one.end) for one in partitions.read()] == [
        (0, end),
        *((end + 31 * no, end + 31 * (no + 1)) for no in range(3)),
    ]
    assert list(Delivery.objects.order_by("pk").values()) == rows
    assert Attempt.objects.get().delivery == first
    with pytest.raises(CommandError, match="are in partitions already"):
        convert()


def test_ids_and_promises_go_on(plain):
    ended = an_open_distribution(2, now=NOW)
    ended.state = DistributionState.COMPLETED
    ended.save()
    newest = Delivery.objects.order_by("-pk")[0]
    convert()

    following = an_open_distribution(2, now=NOW)

    assert following.deliveries.order_by("pk")[0].pk > newest.pk
    Delivery.objects.filter(pk=newest.pk).update(wamid="wamid.1")
    with pytest.raises(IntegrityError, match="wamid"), transaction.atomic():
        ended.deliveries.exclude(pk=newest.pk).update(wamid="wamid.1")
    following.deliveries.filter(pk=following.deliveries.order_by("pk")[0].pk).update(
        wamid="wamid.1"  # in another distribution: check_integrity says so
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        following.deliveries.update(phone="+919800000000")
    with pytest.raises(IntegrityError), transaction.atomic():
        following.deliveries.update(state="NONE")


def test_who_does_not_own_the_table_is_told_so(plain):
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE tests_stranger")
        cursor.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO tests_stranger")
        cursor.execute("SET LOCAL ROLE tests_stranger")
    with pytest.raises(conversion.ConversionRefusedError, match="Only the owner of the tables"):
        conversion.plan()


def test_the_application_which_owns_nothing_goes_on_and_makes_partitions(plain):
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE tests_application")
        for rights, of in (("SELECT, INSERT, UPDATE, DELETE", "TABLES"), ("USAGE", "SEQUENCES")):
            cursor.execute(f"GRANT {rights} ON ALL {of} IN SCHEMA public TO tests_application")
        convert()
        # Openings that were rolled back used up ids: the next one is in no partition yet.
        beyond = partitions.read()[-1].end + 40
        cursor.execute("SELECT setval('distribution_distribution_id_seq', %s)", [beyond])
        cursor.execute("SET LOCAL ROLE tests_application")
    partitions._Known.layout = ()  # a process that has not noticed the conversion
    first = an_open_distribution(2, now=NOW)
    assert first.deliveries.count() == 2

    partitions.forget()
    end = partitions.read()[-1].end
    ahead.make(end)

    assert (partitions.read()[-1].first, partitions.read()[-1].end) == (end, end + 31)
    assert Delivery.objects.filter(partitions.within([first.pk])).count() == 2
    with connection.cursor() as cursor, pytest.raises(ProgrammingError, match="must be owner"):
        cursor.execute("DROP TABLE distribution_delivery_past")


def test_a_view_or_trigger_that_would_stay_behind_is_named(plain):
    with connection.cursor() as cursor:
        cursor.execute("CREATE VIEW tests_view AS SELECT id FROM distribution_delivery")
    with pytest.raises(conversion.ConversionRefusedError, match="view tests_view"):
        conversion.plan()


def test_migrations_change_every_partition(partitioned):
    column = models.PositiveSmallIntegerField(db_default=7)
    wider = models.IntegerField(null=True, db_default=7)
    for field in (column, wider):
        field.set_attributes_from_name("tests_column")
        field.model = Delivery
    index = models.Index(fields=["batch_no"], name="tests_index")
    rule = models.CheckConstraint(condition=models.Q(batch_no__gte=0), name="tests_rule")
    tables = [partitions.TABLE, *(one.table for one in partitions.read())]
    names = "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND NOT attisdropped"

    with connection.schema_editor() as editor:
        editor.add_field(Delivery, column)
        editor.alter_field(Delivery, column, wider)
        editor.add_index(Delivery, index)
        editor.add_constraint(Delivery, rule)
    for table in tables:
        assert ("tests_column",) in ask(names, table)
        assert ("tests_rule", "c") in ask(KEYS, table)
    assert len(ask("SELECT 1 FROM pg_inherits WHERE inhparent = 'tests_index'::regclass")) == (
        len(tables) - 1
    )
    with connection.schema_editor() as editor:
        editor.remove_constraint(Delivery, rule)
        editor.remove_index(Delivery, index)
        editor.remove_field(Delivery, wider)
        known = next(one for one in Delivery._meta.indexes if one.name == "delivery_unanswered")
        editor.remove_index(Delivery, known)
    for table in tables:
        assert ("tests_column",) not in ask(names, table)
        assert ("tests_rule", "c") not in ask(KEYS, table)
    assert ask("SELECT to_regclass('tests_index'), to_regclass('delivery_unanswered')") == [
        (None, None)
    ]
