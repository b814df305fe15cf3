"""Redis and PostgreSQL refuse, freeze, forget and crash in the middle of a morning."""

from __future__ import annotations

import time

import psycopg
import pytest
import redis
import requests

from tests.faults.checker import assert_kept

PEOPLE = 150
QUICK = 2.0  # seconds in which the web answers whatever the broker does


@pytest.fixture(scope="module")
def house(build):
    return build(PEOPLE, proxied=("redis", "postgres"))


def answer_time(house) -> float:
    """Seconds until the web process answers that it lives."""
    start = time.monotonic()
    url = f"http://127.0.0.1:{house.stack.web_port}/health/live"
    assert requests.get(url, timeout=10).status_code == 200
    return time.monotonic() - start


# --- the broker -----------------------------------------------------------------------------------


def test_f19_and_f25_redis_refuses_before_the_start_and_until_the_end(house):
    house.stack.heal()
    house.stack.proxies["redis"].refuse()

    morning = house.open_as_it_is()
    morning.wait_settled()
    quick = answer_time(house)
    morning.wait_ended()

    assert quick < QUICK
    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)


def test_f26_redis_freezes_and_thaws(house):
    morning = house.open()
    morning.wait_accepted(20)

    house.stack.proxies["redis"].freeze()
    times = []
    for _ in range(6):
        times.append(answer_time(house))
        house.stack.live_for(1.0)
    house.stack.proxies["redis"].mend()
    morning.wait_ended()

    assert max(times) < QUICK
    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)


@pytest.mark.parametrize("how", ["flushed", "killed"])
def test_f27_redis_forgets_everything(house, how):
    morning = house.open()
    morning.wait_accepted(20)

    if how == "flushed":
        redis.Redis.from_url(house.stack.broker_url).flushall()
    else:
        house.stack.kill("broker")
    morning.wait_ended()

    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)


# --- the database ---------------------------------------------------------------------------------


def test_f30_postgres_crashes_three_times(house, server):
    morning = house.open()

    for share in (20, 50, 80):
        morning.wait_accepted(share)
        server.crash()
    healing = morning.wait_settled()
    morning.wait_ended()

    assert healing < 60
    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)


def test_f31_every_call_to_postgres_hangs_and_the_watchdog_ends_the_keeper(house):
    morning = house.open()
    morning.wait_accepted(20)
    keeper = house.stack.supervisor.processes["keeper"].pid

    house.stack.proxies["postgres"].freeze()
    house.stack.wait(
        lambda: house.stack.supervisor.processes["keeper"].pid != keeper,
        "the keeper is ended by its watchdog and started again",
    )
    house.stack.proxies["postgres"].mend()
    house.stack.proxies["postgres"].reset()
    morning.wait_ended()

    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)


def test_f32_connections_break_and_new_ones_are_refused_for_a_while(house):
    morning = house.open()
    morning.wait_accepted(20)

    for _ in range(3):
        house.stack.proxies["postgres"].refuse()
        house.stack.live_for(1.5)
        house.stack.proxies["postgres"].mend()
        house.stack.live_for(1.0)
    morning.wait_ended()

    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)


def test_f33_postgres_answers_late(house):
    morning = house.open()
    house.stack.proxies["postgres"].delay(0.05)
    morning.wait_ended()

    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)


def read_only(house, server, *, on: bool) -> None:
    """Refuse writes to this database, or take them again, in every session."""
    name = house.stack.database
    with psycopg.connect(server.running.url, autocommit=True) as session:
        session.execute(
            f"ALTER DATABASE {name} SET default_transaction_read_only = {'on' if on else 'off'}"
        )
        session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )


def test_f35_a_database_that_takes_no_writes_sends_nothing_and_recovers(house, server):
    morning = house.open()
    morning.wait_accepted(20)

    read_only(house, server, on=True)
    try:
        held = morning.wait_at_rest()  # what was marked before may still go
        house.stack.live_for(3.0)
        still = morning.accepted()
        told = house.stack.cloud.stats()["webhooks"]["answers"]
    finally:
        read_only(house, server, on=False)
    morning.wait_ended()

    assert still == held < PEOPLE
    assert int(told.get("503", 0)) > 0  # Meta was told to come again
    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)
