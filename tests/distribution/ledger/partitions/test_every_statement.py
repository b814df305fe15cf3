"""Over a distribution's whole life, each statement on deliveries names their distributions.

By the distribution itself or by the bounds of its partition: else PostgreSQL plans for every
partition, and looks into each. What cannot name it stands below, with the index that it uses.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from distribution.analytics import rollups
from distribution.engine import sweep, tick
from distribution.interventions import manual_retry
from distribution.ledger import deliveries, retention, returns
from distribution.ledger.integrity.check import check_ledger
from distribution.ledger.partitions import keys
from distribution.models import Delivery, Distribution, DistributionState, State
from distribution.reporting import dashboard
from distribution.sending import batch
from tests.builders import LEASE, a_number, an_open_distribution
from tests.distribution.staff import a_client
from tests.fakes import FakeCloudApi
from tests.webhooks import posts

pytestmark = pytest.mark.django_db
ROOT = Path(keys.__file__).parents[3]
NAMED = re.compile(r'distribution_id"?\s*(=\s*(%|\(|\d|goes|owed)|IN\s*\(|>=|<)', re.I)
LIVE = "an index of each partition that holds live rows only, a handful"
PERSON = "the index on subscribers of each partition: one person's rows"
KEYS = "the primary key of each partition: a few keys of which no more is known"
MESSAGE_ID = "the index on message ids of each partition: a few ids, after the recent partitions"
EXCEPTIONS = {
    "distribution/ledger/partitions/keys.py": LIVE,  # which partitions have ended leases
    "distribution/ledger/chunks.py": LIVE,  # those that stay stuck
    "distribution/alerts/proxy_answers.py": LIVE,
    "distribution/reporting/subscriber_history.py": PERSON,
    "distribution/admin/people.py": PERSON,
    "distribution/event_webhooks/fan_out.py": KEYS,  # failures to be told of
    "distribution/ledger/hidden_ids.py": MESSAGE_ID,
    # Of all distributions or, by an outer join that names it, of one.
    "distribution/ledger/integrity/rules.py": "the whole check",
}


@contextmanager
def unnamed(found: dict[str, str]) -> Iterator[None]:
    """Statements of the product that name no distribution, by the file that sends them."""

    def look(execute, sql, params, many, context):
        if "distribution_delivery" in sql and not sql.lstrip().startswith("INSERT"):
            if not NAMED.search(sql) and (sender := _sender()):
                found.setdefault(sender, sql)
            elif NAMED.search(sql):
                found.setdefault("named", sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(look):
        yield


def _sender() -> str:
    """The innermost of our files; nothing if that is a test."""
    frame = sys._getframe(2)
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(ROOT) and ".venv" not in path.parts:
            name = path.relative_to(ROOT).as_posix()
            return "" if name.startswith("tests/") else name
        frame = frame.f_back
    return ""


def a_whole_life(people: int) -> Distribution:
    """Sent, answered in each way, reported, swept, retried, watched, counted and checked."""
    number = a_number(rate_per_second=1000)
    distribution = an_open_distribution(people)
    now = timezone.now()
    api = FakeCloudApi()
    batch.send_batch(distribution.pk, 0, api=api)
    rows = list(distribution.deliveries.filter(state=State.ACCEPTED).order_by("pk"))
    reported = [
        posts.status(word, keys_of(row), at=now, wamid=row.wamid or "", code=code)
        for row in rows
        for word, code in (("sent", None), ("delivered", None))
    ]
    posts.apply(posts.statuses(*reported), now=now)
    failed = posts.status("failed", keys_of(rows[0]), at=now, wamid=rows[0].wamid, code=131026)
    posts.apply(posts.statuses(failed), now=now)
    claim = deliveries.claim(distribution.pk, 1, limit=5, now=now, lease=LEASE)
    deliveries.mark_inflight(claim, claim.deliveries, number_id=number.pk, now=now, lease=LEASE)
    deliveries.expire_leases(now + 2 * LEASE)
    tick.check(now)
    tick.refresh_sla(now)
    sweep.sweep(now)
    returns.return_failed(distribution.pk, "undeliverable", now=now)
    manual_retry.preview(distribution)
    deliveries.skip_rest(distribution.pk, "")
    return distribution


def keys_of(row: Delivery) -> str:
    return f"daybreak:{row.pk}.{row.attempt_no}.{row.claim_token:x}"


def test_each_names_its_distributions(partitioned, monkeypatch):
    monkeypatch.setattr(keys._Recent, "until", 0.0)
    found: dict[str, str] = {}

    with unnamed(found):
        distribution = a_whole_life(60)
        distribution.state = DistributionState.COMPLETED
        distribution.completed_at = timezone.now()
        distribution.save()
        rollups.recount(distribution, now=timezone.now())
        check_ledger(now=timezone.now(), distribution_id=distribution.pk)
        retention.hide_old_numbers(timezone.now(), seconds=1)
        dashboard.shared.clear()
        client = a_client("Administrator")
        for page in (
            "/dashboard/",
            "/dashboard/board/",
            f"/admin/distribution/distribution/{distribution.pk}/change/",
            f"/admin/distribution/delivery/?distribution={distribution.pk}",
        ):
            assert client.get(page).status_code == 200, page

    assert found.pop("named")
    assert {name: sql for name, sql in found.items() if name not in EXCEPTIONS} == {}
