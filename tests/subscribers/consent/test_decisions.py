"""Consent: whatever comes twice, late or out of order, the latest decision holds."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from itertools import permutations

import pytest
from django.db import connection, connections, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from subscribers.consent import decisions as consent
from subscribers.consent import preferences, reachability
from subscribers.consent.decisions import Decision, Kind
from subscribers.consent.preferences import Preference
from subscribers.models import ConsentEvent, Subscriber
from subscribers.phones import InvalidPhone
from tests.builders import a_subscriber
from tests.subscribers.moments import NOW, minute, statuses

pytestmark = pytest.mark.django_db


def test_an_opt_out_is_kept_with_its_evidence():
    subscriber = a_subscriber()

    changed = consent.opt_out(
        subscriber, source="whatsapp:STOP", evidence="wamid.1", at=minute(1), now=NOW
    )

    assert changed is True
    assert statuses() == ["UNSUBSCRIBED"]
    subscriber.refresh_from_db()
    assert subscriber.updated_at == NOW
    event = ConsentEvent.objects.get()
    assert (event.kind, event.source, event.evidence) == ("OPT_OUT", "whatsapp:STOP", "wamid.1")
    assert (event.subscriber, event.at, event.recorded_at) == (subscriber, minute(1), NOW)


def test_an_opt_in_keeps_the_words_that_were_agreed_to():
    subscriber = a_subscriber(status="UNSUBSCRIBED")

    consent.opt_in(
        subscriber, source="form", notice="Daily news", actor="asha", at=minute(1), now=NOW
    )

    event = ConsentEvent.objects.get()
    assert (event.kind, event.notice, event.actor) == ("OPT_IN", "Daily news", "asha")
    assert statuses() == ["ACTIVE"]


@pytest.mark.parametrize("spelling", ["+919812345678", "919812345678"])
def test_a_phone_names_its_subscriber(spelling):
    a_subscriber(phone="+919812345678")

    assert consent.opt_out(spelling, source="whatsapp:STOP", at=minute(1), now=NOW) is True


def test_an_unknown_phone_changes_nothing():
    assert consent.opt_out("+919812345678", source="whatsapp:STOP", at=NOW, now=NOW) is False
    assert ConsentEvent.objects.count() == 0


def test_a_phone_that_is_none_is_refused():
    with pytest.raises(InvalidPhone):
        consent.opt_out("IN.1349", source="whatsapp:STOP", at=NOW, now=NOW)


def test_a_replayed_webhook_leaves_one_event_and_no_second_change():
    subscriber = a_subscriber()
    stop = {"source": "whatsapp:STOP", "evidence": "wamid.1", "at": minute(1), "now": NOW}

    assert consent.opt_out(subscriber, **stop) is True
    assert consent.opt_out(subscriber, **stop) is False
    assert consent.opt_in(subscriber, source="whatsapp:START", at=minute(2), now=NOW) is True
    assert consent.opt_out(subscriber, **stop) is False

    assert statuses() == ["ACTIVE"]
    assert ConsentEvent.objects.count() == 2


def test_a_replayed_pause_does_not_undo_a_resume():
    subscriber = a_subscriber()
    hold = {"source": "admin:asha", "at": minute(1), "now": NOW}
    consent.pause(subscriber, **hold)
    consent.resume(subscriber, source="admin:asha", at=minute(2), now=NOW)

    assert consent.pause(subscriber, **hold) is False
    assert statuses() == ["ACTIVE"]


def test_a_start_older_than_the_stop_does_not_resubscribe_when_it_comes_last():
    subscriber = a_subscriber()
    consent.opt_out(subscriber, source="whatsapp:STOP", evidence="2", at=minute(2), now=NOW)

    assert not consent.opt_in(
        subscriber, source="whatsapp:START", evidence="1", at=minute(1), now=NOW
    )
    assert statuses() == ["UNSUBSCRIBED"]
    assert ConsentEvent.objects.count() == 2


def test_of_two_in_the_same_second_the_stop_holds():
    subscriber = a_subscriber()
    second = minute(1)

    consent.opt_out(subscriber, source="whatsapp:STOP", at=second, now=NOW)
    consent.opt_in(
        subscriber, source="admin:asha", at=second + timedelta(milliseconds=900), now=NOW
    )

    assert statuses() == ["UNSUBSCRIBED"]


def test_a_clock_that_runs_ahead_does_not_outrank_the_next_stop():
    subscriber = a_subscriber(status="UNSUBSCRIBED")
    consent.opt_in(subscriber, source="w", at=NOW + timedelta(days=1), now=NOW)

    later = NOW + timedelta(minutes=1)
    consent.opt_out(subscriber, source="w", at=later, now=later)

    assert statuses() == ["UNSUBSCRIBED"]


@pytest.mark.parametrize(
    ("before", "kind", "after"),
    [
        ("ACTIVE", Kind.OPT_OUT, "UNSUBSCRIBED"),
        ("ACTIVE", Kind.PAUSE, "PAUSED"),
        ("ACTIVE", Kind.RESUME, "ACTIVE"),
        ("ACTIVE", Kind.OPT_IN, "ACTIVE"),
        ("PAUSED", Kind.OPT_OUT, "UNSUBSCRIBED"),
        ("PAUSED", Kind.RESUME, "ACTIVE"),
        ("PAUSED", Kind.OPT_IN, "ACTIVE"),
        ("INVALID", Kind.OPT_OUT, "UNSUBSCRIBED"),
        ("INVALID", Kind.RESUME, "ACTIVE"),
        ("INVALID", Kind.OPT_IN, "ACTIVE"),
        ("UNSUBSCRIBED", Kind.OPT_IN, "ACTIVE"),
        ("UNSUBSCRIBED", Kind.RESUME, "UNSUBSCRIBED"),
        ("UNSUBSCRIBED", Kind.PAUSE, "UNSUBSCRIBED"),
        ("UNSUBSCRIBED", Kind.OPT_OUT, "UNSUBSCRIBED"),
    ],
)
def test_each_decision_does_to_each_status_what_it_says(before, kind, after):
    subscriber = a_subscriber(status=before)

    changed = consent.record([Decision(subscriber.pk, kind, "test", minute(1))], now=NOW)

    assert statuses() == [after]
    assert changed == ({subscriber.pk} if before != after else set())


def test_opt_outs_and_opt_ins_in_every_order_end_the_same():
    said = [(Kind.OPT_OUT, 1), (Kind.OPT_IN, 2), (Kind.OPT_OUT, 3), (Kind.OPT_IN, 3)]

    for order in permutations(said):
        subscriber = a_subscriber()
        for kind, at in order:
            decision = Decision(subscriber.pk, kind, "w", minute(at), f"{kind}{at}")
            consent.record([decision], now=NOW)

    assert statuses() == ["UNSUBSCRIBED"] * 24


events = st.lists(
    st.tuples(st.sampled_from(list(Kind)), st.integers(0, 5), st.booleans()), max_size=7
)


@settings(max_examples=60, deadline=None)
@given(events, st.sampled_from(["ACTIVE", "PAUSED", "INVALID", "UNSUBSCRIBED"]), st.randoms())
def test_any_events_in_any_order_split_or_repeated_end_the_same(said, before, random):
    decisions = [
        (kind, minute(at), f"wamid.{number}" if named else "")
        for number, (kind, at, named) in enumerate(said)
    ]
    shuffled = decisions * 2
    random.shuffle(shuffled)
    with transaction.atomic():
        one, other = a_subscriber(status=before), a_subscriber(status=before)
        consent.record([Decision(one.pk, k, "w", at, ev) for k, at, ev in decisions], now=NOW)
        for kind, at, evidence in shuffled:
            consent.record([Decision(other.pk, kind, "w", at, evidence)], now=NOW)
        first, second = (Subscriber.objects.get(pk=pk).status for pk in (one.pk, other.pk))
        transaction.set_rollback(True)

    assert first == second


def preference(phone, says, at=1, evidence="wamid.1"):
    return Preference(phone, says == "START", "whatsapp:user_preferences", evidence, minute(at))


def test_preferences_are_applied_together_and_unknown_phones_returned():
    active, gone = a_subscriber(), a_subscriber(status="UNSUBSCRIBED")
    quiet = a_subscriber(status="UNSUBSCRIBED")

    report = preferences.apply_preferences(
        [
            preference(active.phone.removeprefix("+"), "STOP"),
            preference(gone.phone, "START"),
            preference(quiet.phone, "STOP"),
            preference("14155552671", "STOP"),
            preference("IN.1349", "STOP"),
        ],
        now=NOW,
    )

    assert (report.changed, report.unchanged) == (2, 1)
    assert report.unknown == ("14155552671", "IN.1349")
    assert statuses() == ["UNSUBSCRIBED", "ACTIVE", "UNSUBSCRIBED"]


def test_of_several_preferences_of_one_person_the_latest_holds():
    subscriber = a_subscriber()
    said = [("START", 3), ("STOP", 2), ("START", 1)]

    report = preferences.apply_preferences(
        [preference(subscriber.phone, says, at, f"wamid.{at}") for says, at in said], now=NOW
    )

    assert (report.changed, report.unchanged, statuses()) == (0, 1, ["ACTIVE"])
    assert ConsentEvent.objects.count() == 3


def test_many_preferences_take_few_statements(django_assert_max_num_queries):
    people = [a_subscriber() for _ in range(300)]
    stops = [preference(who.phone, "STOP") for who in people]

    # find, lock, append (SQLite takes a hundred rows a statement), read back, update
    with django_assert_max_num_queries(12):
        report = preferences.apply_preferences(stops, now=NOW)

    assert report.changed == 300


def test_no_preferences_cost_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert preferences.apply_preferences([], now=NOW).changed == 0


def test_the_third_day_out_of_reach_makes_a_number_invalid():
    subscriber = a_subscriber()
    days = [date(2026, 11, day) for day in (20, 21, 23)]

    lost = [reachability.report_unreachable([subscriber.pk], on=day, now=NOW) for day in days]

    assert lost == [set(), set(), {subscriber.pk}]
    assert statuses() == ["INVALID"]
    event = ConsentEvent.objects.get()
    assert (event.kind, event.source, event.evidence) == (
        "UNREACHABLE",
        "whatsapp:unreachable",
        "2026-11-23",
    )


def test_a_day_counts_once_and_earlier_ones_no_more():
    subscriber = a_subscriber()

    for day in (22, 22, 21, 22):
        reachability.report_unreachable([subscriber.pk], on=date(2026, 11, day), now=NOW)

    subscriber.refresh_from_db()
    assert (subscriber.unreachable_days, subscriber.unreachable_on) == (1, date(2026, 11, 22))


def test_a_message_that_arrives_starts_the_count_anew(django_assert_num_queries):
    counted, fine = a_subscriber(), a_subscriber()
    for day in (20, 21):
        reachability.report_unreachable([counted.pk], on=date(2026, 11, day), now=NOW)

    assert reachability.report_reached([counted.pk, fine.pk], now=NOW) == 1
    with django_assert_num_queries(1):
        assert reachability.report_reached([counted.pk, fine.pk], now=NOW) == 0
    reachability.report_unreachable([counted.pk], on=date(2026, 11, 22), now=NOW)

    counted.refresh_from_db()
    assert (counted.unreachable_days, counted.status) == (1, "ACTIVE")


@pytest.mark.parametrize("status", ["PAUSED", "UNSUBSCRIBED"])
def test_who_is_not_written_to_does_not_become_invalid(status):
    subscriber = a_subscriber(status=status)

    for day in (20, 21, 22):
        assert not reachability.report_unreachable([subscriber.pk], on=date(2026, 11, day), now=NOW)

    assert statuses() == [status]


def test_a_number_tried_again_gets_all_its_days_back():
    subscriber = a_subscriber()
    for day in (20, 21, 22):
        reachability.report_unreachable([subscriber.pk], on=date(2026, 11, day), now=minute(day))
    consent.resume(subscriber, source="admin:asha", at=NOW, now=NOW)

    assert not reachability.report_unreachable([subscriber.pk], on=date(2026, 11, 22), now=NOW)
    assert not reachability.report_unreachable([subscriber.pk], on=date(2026, 11, 23), now=NOW)

    subscriber.refresh_from_db()
    assert (subscriber.unreachable_days, subscriber.status) == (1, "ACTIVE")


def start_in_another_process(pk):
    try:
        return consent.record([Decision(pk, Kind.OPT_IN, "w", minute(1), "start")], now=NOW)
    finally:
        connections.close_all()


def wait_until_somebody_waits_for_a_lock():
    deadline = time.monotonic() + 10
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone() != (0,):
                return
    pytest.fail("nobody waits")


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("on_postgres")  # SQLite has one writer at a time by itself
def test_a_start_that_waits_for_a_newer_stop_sees_it_and_changes_nothing():
    subscriber = a_subscriber(status="UNSUBSCRIBED")

    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            consent.opt_out(subscriber, source="w", evidence="stop", at=minute(2), now=NOW)
            waiting = other.submit(start_in_another_process, subscriber.pk)
            wait_until_somebody_waits_for_a_lock()
        assert waiting.result(timeout=10) == set()

    assert statuses() == ["UNSUBSCRIBED"]
