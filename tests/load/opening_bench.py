"""What stands between the trigger and the first send, by the number of recipients, on PostgreSQL.

    python tests/load/opening_bench.py [--people 2000 20000 200000 1000000] [--whole]

Opens a distribution each time, with an equally large one of the day before in the tables, publishes
its first batches to a Redis of its own and claims one. CPU is this process's and PostgreSQL's; wall
time counts on an idle machine only. `--whole` freezes and publishes the rest, too. The first send
follows the claim by the lead of its slot (about 0.08 s). Needs PostgreSQL and redis-server.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.load import servers
from tests.throwaway_services import running_broker

SIZES = (2_000, 20_000, 200_000, 1_000_000)
PEOPLE = """
INSERT INTO subscribers_subscriber
       (phone, name, tier, status, language, attributes, email, unreachable_days,
        created_at, updated_at)
SELECT '+91' || (7000000000 + n), 'Adviser ' || n,
       CASE WHEN n %% 10 = 0 THEN 'PREMIUM' WHEN n %% 10 < 4 THEN 'PRO' ELSE 'BASIC' END,
       'ACTIVE', 'en', '{}', '', 0, now() - interval '30 days', now() - interval '30 days'
  FROM generate_series((SELECT COUNT(*) FROM subscribers_subscriber) + 1, %s) AS n
"""
YESTERDAY = """
INSERT INTO distribution_delivery
       (distribution_id, subscriber_id, phone, tier, language, next_at, batch_no, state,
        accepted_at, attempt_no, number_id)
SELECT %s, id, phone, tier, language, %s, id / 50, 'ACCEPTED', %s, 1, %s
  FROM subscribers_subscriber
"""


class Clock:
    """Seconds by phase, in the order in which they passed."""

    def __init__(self) -> None:
        self.phases: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.phases[name] = self.phases.get(name, 0.0) + time.perf_counter() - began

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            with self.phase(name):
                return function(*args, **more)

        return call


def fill(people: int, now: Any) -> Any:
    """The people, and a distribution of yesterday to all of them."""
    from django.db import connection

    from distribution.models import Distribution, Kind
    from phonepool.models import PhoneNumber

    number = PhoneNumber.objects.order_by("pk").first()
    at = now - timedelta(hours=23)
    earlier = Distribution.objects.create(
        kind=Kind.MANUAL, local_date=at.date(), planned_at=at, opened_at=at, completed_at=at,
        window_end=at + timedelta(hours=4), state="COMPLETED", recipients=people,
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(PEOPLE, [people])
        cursor.execute(YESTERDAY, [earlier.pk, at, at, number.pk])
        cursor.execute("VACUUM ANALYZE subscribers_subscriber")
        cursor.execute("VACUUM ANALYZE distribution_delivery")
    return earlier


def measure(people: int, server_cpu: Callable[[], float], *, whole: bool) -> None:
    from django.utils import timezone

    from distribution import tasks
    from distribution.ledger import deliveries
    from distribution.lifecycle import audience, opening, preflight, preparing
    from distribution.models import Delivery, Distribution
    from tests.builders import a_planned_distribution

    tasks.publish = publish
    now = timezone.now()
    fill(people, now)
    distribution = a_planned_distribution(now)
    clock, cpu = Clock(), time.process_time() + server_cpu()
    check, freeze = preflight.check, audience.freeze
    preflight.check = clock.timed("checks", check)
    audience.freeze = clock.timed("first slice", freeze)
    try:
        with clock.phase("opening"):
            assert opening.open_distribution(distribution.pk, now=now)
    finally:
        preflight.check, audience.freeze = check, freeze
    clock.phases["opening"] -= clock.phases["checks"] + clock.phases["first slice"]
    with clock.phase("publishing"):
        assert tasks.publish_batches(distribution.pk)
    with clock.phase("claim"):
        lease = timedelta(seconds=60)
        claim = deliveries.claim(distribution.pk, 0, limit=50, now=now, lease=lease)
    assert claim.deliveries
    first = " | ".join(f"{name} {seconds:.3f}" for name, seconds in clock.phases.items())
    cpu = time.process_time() + server_cpu() - cpu
    wall = sum(clock.phases.values())
    print(f"{people:>9,}: {wall:.3f} s (CPU {cpu:.3f} s) = {first}", flush=True)
    if whole:
        rest = Clock()
        slices = 0
        while True:
            with rest.phase("freezing"):
                went_on = preparing.freeze_next(distribution.pk, now=timezone.now())
            if not went_on:
                break
            slices += 1
            with rest.phase("publishing"):
                assert tasks.publish_batches(distribution.pk)
        distribution.refresh_from_db()
        stored = Delivery.objects.filter(distribution=distribution).count()
        assert stored == distribution.recipients == people, (stored, distribution.recipients)
        print(f"{'':>11}the rest: {slices} slices, {rest.phases}", flush=True)
    Distribution.objects.filter(pk=distribution.pk).update(
        state="COMPLETED", completed_at=now, window_end=now, preparing=False
    )


def _connect() -> None:
    """A worker that opens a distribution has its connections already."""
    from distribution import tasks

    publish(lambda: tasks.send_batch.apply_async((0, 0)))


def publish(call: Callable[[], object], *, wait_seconds: float = 0.0) -> bool:
    """In this thread, so that a busy machine does not give up."""
    call()
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, nargs="+", default=SIZES)
    parser.add_argument("--whole", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="daybreak-opening-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # PostgreSQL runs as another account
        with (
            running_broker(folder / "broker") as broker_url,
            servers.databases("postgres", folder) as (database_url, server_cpu),
        ):
            os.environ.update(servers.environment(database_url, broker_url, folder))
            os.environ["WHATSAPP_ACCESS_TOKEN"] = "a token for the benchmark only"
            import django
            from django.core.management import call_command

            django.setup()
            call_command("migrate", "--no-input", verbosity=0)
            from tests.builders import a_number

            for _ in range(3):
                a_number()
            _connect()
            for people in options.people:
                measure(people, server_cpu, whole=options.whole)


if __name__ == "__main__":
    main()
