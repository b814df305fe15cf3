"""Whoever changes evidence behind the triggers is found, with the row that was changed."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.management import CommandError, call_command
from django.db import connection

from distribution.models import Verdict
from evidence import erasing, verifying
from evidence.chains import CHAINS, chain_of
from evidence.linking import link_all
from evidence.models import ChainHead, ChainLink, ChainSalt
from evidence.verifying import Kind
from subscribers.append_only import AppendOnly
from subscribers.models import ConsentEvent
from tests.builders import a_subscriber, a_user, an_open_distribution
from tests.subscribers.moments import NOW

pytestmark = pytest.mark.django_db
EVENTS = "subscribers_consentevent"
WAMID = "wamid.HBgMOTE5ODEyMzQ1Njc4"


def some_events(count: int = 5) -> list[int]:
    """The ids of chained consent events; every other id is free."""
    subscriber = a_subscriber()
    for n in range(count):
        ConsentEvent(
            pk=2 * n + 2,
            subscriber=subscriber,
            kind="OPT_IN",
            source="whatsapp:START",
            evidence=f"{WAMID}{n}",
            actor="asha",
            at=NOW,
        ).save()
    link_all()
    return [2 * n + 2 for n in range(count)]


def behind_the_triggers(*statements: str) -> None:
    """As somebody does who owns the database."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL session_replication_role = replica")
        else:
            for table in (EVENTS, "evidence_chainlink"):
                cursor.execute(f'DROP TRIGGER "{table}_append_only"')
        for statement in statements:
            cursor.execute(statement)
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL session_replication_role = origin")


def found(*, newest: int | None = None) -> dict[str, list[int]]:
    """What is wrong with the consent events; every other chain is whole."""
    (report, *others) = verifying.verify(newest=newest)
    assert not any(other.findings for other in others)
    assert report.table == EVENTS
    return {finding.kind: finding.ids for finding in report.findings}


def insert(row_id: int) -> str:
    return (
        f"INSERT INTO {EVENTS} (id, subscriber_id, kind, source, evidence, notice, actor, at,"
        f" recorded_at) SELECT {row_id}, subscriber_id, kind, source, 'wamid.new', notice, actor,"
        f" at, recorded_at FROM {EVENTS} WHERE id = 4"
    )


def test_what_nobody_touched_is_whole():
    some_events()

    assert found() == {}
    assert verifying.verify()[0].rows == 5


@pytest.mark.parametrize(
    "change",
    [
        "kind = 'OPT_OUT'",
        "at = recorded_at",
        "notice = 'another'",
        "evidence = 'wamid.other'",
        "source = 'admin:asha'",
        "actor = ''",
        "actor = 'erased:6'",
    ],
)
def test_an_altered_row_is_named(change):
    some_events()

    behind_the_triggers(f"UPDATE {EVENTS} SET {change} WHERE id = 6")

    assert found() == {Kind.ALTERED: [6]}


@pytest.mark.parametrize("row_id", [2, 6, 10])
def test_a_removed_row_is_named(row_id):
    some_events()

    behind_the_triggers(f"DELETE FROM {EVENTS} WHERE id = {row_id}")

    assert found() == {Kind.REMOVED: [row_id]}


@pytest.mark.parametrize("row_id", [1, 7])
def test_a_row_inserted_between_the_others_is_named_and_never_chained_later(row_id):
    some_events()

    behind_the_triggers(insert(row_id))
    assert link_all() == 0

    assert found() == {Kind.INSERTED: [row_id]}


def test_two_rows_that_changed_places_are_named():
    some_events()

    behind_the_triggers(
        f"UPDATE {EVENTS} SET id = 1000 WHERE id = 4",
        f"UPDATE {EVENTS} SET id = 4 WHERE id = 6",
        f"UPDATE {EVENTS} SET id = 6 WHERE id = 1000",
    )

    assert found() == {Kind.ALTERED: [4, 6]}


def test_rows_that_changed_places_together_with_their_links_are_noticed():
    some_events()
    columns = ("personal", "row_digest", "previous", "digest")
    swap = ", ".join(f"{name} = other.{name}" for name in columns)
    behind_the_triggers(
        f"UPDATE {EVENTS} SET id = 1000 WHERE id = 4",
        f"UPDATE {EVENTS} SET id = 4 WHERE id = 6",
        f"UPDATE {EVENTS} SET id = 6 WHERE id = 1000",
        f"UPDATE evidence_chainlink AS link SET {swap} FROM evidence_chainlink AS other"
        " WHERE link.row_id IN (4, 6) AND other.row_id = 10 - link.row_id"
        " AND other.chain = link.chain AND link.chain = 1",
    )

    assert set(found()) == {Kind.ALTERED, Kind.UNCHAINED}


def test_a_row_removed_together_with_its_link_is_noticed():
    some_events()
    ids = ChainLink.objects.filter(chain=1, row_id=6).values_list("pk", flat=True)

    behind_the_triggers(
        f"DELETE FROM evidence_chainsalt WHERE link_id = {ids[0]}",
        f"DELETE FROM evidence_chainlink WHERE id = {ids[0]}",
        f"DELETE FROM {EVENTS} WHERE id = 6",
    )

    assert found() == {Kind.UNCHAINED: [8, 10]}


def test_a_last_row_removed_together_with_its_link_is_noticed():
    some_events()
    last = ChainLink.objects.get(chain=1, row_id=10).pk

    behind_the_triggers(
        f"DELETE FROM evidence_chainsalt WHERE link_id = {last}",
        f"DELETE FROM evidence_chainlink WHERE id = {last}",
        f"DELETE FROM {EVENTS} WHERE id = 10",
    )

    assert found() == {Kind.UNCHAINED: [10]}


@pytest.mark.parametrize("row_id", [None, 4])
def test_a_head_that_was_removed_or_set_back_is_noticed(row_id):
    some_events()
    heads = ChainHead.objects.filter(chain=1)
    if row_id is None:
        heads.delete()
    else:
        link = ChainLink.objects.get(chain=1, row_id=row_id)
        heads.update(row_id=row_id, links=2, digest=link.digest)

    assert found() == {Kind.UNCHAINED: [10]}


def test_a_link_computed_anew_for_an_altered_row_does_not_fit_the_next():
    some_events()
    link = ChainLink.objects.get(chain=1, row_id=6)

    ChainSalt.objects.filter(link=link).update(values=bytes(48))
    behind_the_triggers(
        f"UPDATE {EVENTS} SET evidence = 'erased:6', source = 'erased:6', actor = 'erased:6',"
        " kind = 'OPT_OUT' WHERE id = 6"
    )

    assert found() == {Kind.ALTERED: [6]}


# --- erasure -----------------------------------------------------------------------------------


def test_what_was_erased_still_verifies_and_cannot_be_found_again():
    some_events()

    assert erasing.erase("subscribers.ConsentEvent", [4, 6], ["evidence"]) == 2

    event = ConsentEvent.objects.get(pk=4)
    assert (event.evidence, event.source, event.actor) == ("erased:4", "whatsapp:START", "asha")
    salt = bytes(ChainSalt.objects.get(link__chain=1, link__row_id=4).values)
    place = 16 * chain_of("subscribers.ConsentEvent").layout.personal.index("evidence")
    assert salt[place : place + 16] == bytes(16)
    assert found() == {}


def test_what_is_erased_before_it_is_chained_verifies_too():
    event = a_subscriber().consent_events.create(kind="OPT_IN", source="x", evidence=WAMID, at=NOW)

    erasing.erase("subscribers.ConsentEvent", [event.pk])
    link_all()

    assert found() == {}
    assert ConsentEvent.objects.get().evidence == f"erased:{event.pk}"


def test_only_personal_columns_are_erased():
    some_events()

    with pytest.raises(ValueError, match="kind"):
        erasing.erase("subscribers.ConsentEvent", [2], ["kind"])
    with pytest.raises(LookupError, match="not chained"):
        erasing.erase("subscribers.Subscriber", [2])


def test_a_value_written_where_one_was_erased_is_named():
    some_events()
    erasing.erase("subscribers.ConsentEvent", [4])

    behind_the_triggers(f"UPDATE {EVENTS} SET evidence = '{WAMID}1' WHERE id = 4")

    assert found() == {Kind.ALTERED: [4]}


def test_a_salt_removed_without_its_value_is_named():
    some_events()

    ChainSalt.objects.filter(link__row_id=4).update(values=bytes(48))

    assert found() == {Kind.ALTERED: [4]}


def test_every_personal_column_of_every_table_can_be_erased():
    user = a_user()
    entry = LogEntry.objects.create(
        user=user, object_repr="Asha Rao", action_flag=CHANGE, change_message="Called Asha."
    )
    delivery = an_open_distribution(1).deliveries.get()
    verdict = Verdict.objects.create(
        delivery=delivery, ruling="SEND_AGAIN", reason="Asha", evidence={"wamid": WAMID}, at=NOW
    )
    link_all()

    for chain in CHAINS:
        if chain.layout.personal:
            erasing.erase(chain.label, [entry.pk, verdict.pk])

    entry.refresh_from_db()
    verdict.refresh_from_db()
    assert (verdict.reason, verdict.evidence) == (f"erased:{verdict.pk}", {"erased": verdict.pk})
    assert (entry.object_repr, entry.change_message) == (f"erased:{entry.pk}",) * 2
    assert not any(report.findings for report in verifying.verify())


# --- which tables, and how much is read ----------------------------------------------------------


def test_every_append_only_table_is_chained_with_all_its_columns():
    labels = {chain.label for chain in CHAINS}
    assert labels >= {m._meta.label for m in apps.get_models() if issubclass(m, AppendOnly)}
    assert labels >= {"admin.LogEntry", "phonepool.PhoneEvent"}

    for chain in CHAINS:
        columns = {field.attname for field in chain.model._meta.concrete_fields}
        assert set(chain.layout.columns) == columns, f"{chain.label}: add a layout"


def test_the_last_rows_can_be_verified_alone():
    some_events()
    behind_the_triggers(f"UPDATE {EVENTS} SET kind = 'OPT_OUT' WHERE id IN (2, 8)")

    assert found(newest=3) == {Kind.ALTERED: [8]}
    assert found(newest=100) == {Kind.ALTERED: [2, 8]}
    assert found(newest=1) == {}


def test_long_chains_are_read_in_ranges(monkeypatch):
    monkeypatch.setattr(verifying, "RANGE_IDS", 3)
    some_events(7)
    behind_the_triggers(insert(5), f"DELETE FROM {EVENTS} WHERE id = 8")

    assert found() == {Kind.INSERTED: [5], Kind.REMOVED: [8]}


# --- the command ---------------------------------------------------------------------------------


def test_the_command_names_the_table_the_row_and_what_happened_to_it(capsys):
    some_events()
    behind_the_triggers(f"UPDATE {EVENTS} SET kind = 'OPT_OUT' WHERE id = 6")

    with pytest.raises(CommandError, match=r"^1 of \d+ promises are broken"):
        call_command("check_integrity")

    (line,) = [line for line in capsys.readouterr().out.splitlines() if "BROKEN" in line]
    assert line.split() == ["BROKEN", "evidence_altered", "1", EVENTS, "6"]


def test_the_command_tells_the_digest_to_be_noted_elsewhere(capsys):
    some_events()

    call_command("check_integrity", "--verbosity", "2", "--newest-evidence", "2")

    digest = bytes(ChainHead.objects.get(chain=1).digest).hex()
    assert f"{EVENTS} 2 {digest}" in capsys.readouterr().out.splitlines()
