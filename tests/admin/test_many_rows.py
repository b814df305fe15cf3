"""No page asks the database more often because there is more in it."""

from __future__ import annotations

import math
from typing import Any

import pytest
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from config.staff import roles, sessions
from distribution.models import Delivery, Distribution
from distribution.reporting import dashboard
from subscribers.models import Subscriber
from tests.admin.routes import MAKERS, PAGES
from tests.admin.test_every_page import member
from tests.mornings import a_morning

pytestmark = pytest.mark.django_db

MANY, SOME = 100_000, 3_000
# What grows with the people is there a hundred thousand times, what grows with the days less
# often. The values that must differ, as SQL over the row's number `n`.
WORD = "CAST(n AS text)"
GROWING: dict[str, tuple[int, dict[str, str]]] = {
    "subscribers_subscriber": (MANY, {"phone": "'+91' || CAST(7000000000 + n AS text)"}),
    "webhooks_webhookevent": (MANY, {"digest": WORD}),
    "distribution_alert": (SOME, {"scope": WORD}),
    "distribution_distribution": (SOME, {"kind": "'MANUAL'"}),
    "distribution_approval": (SOME, {}),
    "subscribers_importjob": (SOME, {}),
    "axes_accessattempt": (SOME, {"username": WORD}),
    "auth_user": (SOME, {"username": WORD}),
}
PLAIN = (
    "admin:index",
    "admin:distribution_content_calendar",
    "admin:distribution_content_queue",
    "dashboard:page",
    "dashboard:board",
)


def multiply(model: type[models.Model], times: int, different: dict[str, str]) -> None:
    """So many copies of the model's last row, by one statement."""
    last = model._default_manager.order_by("-pk").values_list("pk", flat=True)[0]
    names = [f.column for f in model._meta.concrete_fields if not f.primary_key]
    quoted = ", ".join(f'"{name}"' for name in names)
    values = ", ".join(different.get(name, f'one."{name}"') for name in names)
    table = model._meta.db_table
    numbers = f"SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {times}"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH RECURSIVE numbers (n) AS ({numbers}) INSERT INTO {table} ({quoted})"  # noqa: S608
            f" SELECT {values} FROM numbers CROSS JOIN {table} AS one WHERE one.id = {last}"
        )


def owe_everybody_a_message(distribution: Distribution) -> None:
    """A delivery, and a failed attempt of it, for each subscriber who has none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO distribution_delivery (distribution_id, subscriber_id, phone, tier,"
            " batch_no, next_at) SELECT %s, s.id, s.phone, s.tier, 0, %s"
            " FROM subscribers_subscriber s WHERE NOT EXISTS (SELECT 1 FROM distribution_delivery d"
            " WHERE d.distribution_id = %s AND d.subscriber_id = s.id)",
            [distribution.pk, timezone.now(), distribution.pk],
        )
        cursor.execute(
            "INSERT INTO distribution_attempt (delivery_id, attempt_id, outcome, reason, ended_at)"
            " SELECT id, 'many ' || CAST(id AS text), 'REJECTED', 'send_failed', next_at"
            " FROM distribution_delivery WHERE distribution_id = %s",
            [distribution.pk],
        )


def know_the_sizes() -> None:
    """Else the database plans as for empty tables."""
    # PostgreSQL's shared tables are left out: others analyse or clean them, and we would wait.
    own = connection.introspection.table_names() if connection.vendor == "postgresql" else []
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {', '.join(map(connection.ops.quote_name, own))}")


def questions(client: Client, urls: list[str]) -> dict[str, int]:
    """How many queries each page takes."""
    asked = {}
    for url in urls:
        dashboard.shared.clear()
        with CaptureQueriesContext(connection) as caught:
            assert client.get(url).status_code == 200, url
        asked[url] = len(caught)
    return asked


def main_pages(distribution: Distribution) -> list[str]:
    delivery = Delivery.objects.filter(distribution=distribution).order_by("pk")[0]
    one_of: dict[str, Any] = {
        "distribution_distribution": distribution.pk,
        "distribution_delivery": delivery.pk,
        "subscribers_subscriber": delivery.subscriber_id,
    }
    lists = [reverse(f"admin:{model}_changelist") for model in sorted(PAGES)]
    ones = [reverse(f"admin:{model}_change", args=[pk]) for model, pk in one_of.items()]
    return [*lists, *ones, *(reverse(name) for name in PLAIN)]


@pytest.mark.timeout(300)
@pytest.mark.slow
def test_pages_ask_as_much_of_a_hundred_thousand_rows_as_of_a_few(monkeypatch, settings):
    settings.CACHE_AUDIENCE_SECONDS = settings.CACHE_CONTENT_SECONDS = 0  # nothing is kept
    # Once a minute the person's presence is written down, which is three queries more.
    monkeypatch.setattr(sessions, "SEEN_INTERVAL_SECONDS", math.inf)
    distribution = a_morning(30, now=timezone.now())
    kept = {model: type(make()) for model, make in sorted(MAKERS.items())}
    client = member(roles.ADMINISTRATOR)
    urls = main_pages(distribution)
    questions(client, urls)  # what is remembered from page to page is so by now
    few = questions(client, urls)

    for model, (times, different) in GROWING.items():
        multiply(kept[model], times, different)
    know_the_sizes()
    owe_everybody_a_message(distribution)
    know_the_sizes()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # the test's end checks all foreign keys at once
            cursor.execute("SET LOCAL statement_timeout = '2min'")
    many = questions(client, urls)

    assert Subscriber.objects.count() > MANY
    assert Delivery.objects.filter(distribution=distribution).count() > MANY
    assert many == few
    board = [many[reverse(f"dashboard:{page}")] for page in ("page", "board")]
    assert max(board) <= 15
