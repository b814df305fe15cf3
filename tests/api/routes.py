"""Every route of the API: the scope of each method, and how to create the record in its path.

A test fails for a route without a row and for a row without a route. Add a line for each method of
a new view; if its path has an id, add a factory to EXAMPLES.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import time, timedelta
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.models import Alert, BlackoutDate, DailyTime, Distribution, Kind, RunRecord
from distribution.records import making
from subscribers.importing import jobs
from tests import builders
from tests.api.failures import a_failed_distribution

# (name, method) → scope
SCOPES: dict[tuple[str, str], str] = {
    ("document", "GET"): "read",
    ("trigger", "POST"): "distribute",
    ("status", "GET"): "read",
    ("distributions", "GET"): "read",
    ("schedule", "GET"): "read",
    ("schedule", "POST"): "distribute",
    ("planned", "DELETE"): "distribute",
    ("contents", "GET"): "content",
    ("content-submit", "POST"): "content",
    ("content-upload", "POST"): "content",
    ("content", "GET"): "content",
    ("content-withdraw", "POST"): "content",
    ("content-replace", "POST"): "content",
    ("daily-times", "GET"): "read",
    ("daily-times", "POST"): "distribute",
    ("daily-time", "DELETE"): "distribute",
    ("blackout-dates", "GET"): "read",
    ("blackout-dates", "POST"): "distribute",
    ("blackout-date", "DELETE"): "distribute",
    ("retry", "GET"): "read",
    ("retry", "POST"): "distribute",
    ("deliveries", "GET"): "subscribers",
    ("records", "GET"): "read",
    ("record", "GET"): "read",
    ("analytics", "GET"): "read",
    ("costs", "GET"): "read",
    ("rates", "GET"): "read",
    ("pause", "POST"): "distribute",
    ("resume", "POST"): "distribute",
    ("cancel", "POST"): "distribute",
    ("subscribers", "GET"): "subscribers",
    ("subscribers-add", "POST"): "subscribers",
    ("subscriber", "GET"): "subscribers",
    ("subscriber", "PATCH"): "subscribers",
    ("subscriber-status", "PATCH"): "subscribers",
    ("subscriber-erase", "POST"): "subscribers",
    ("subscriber-history", "GET"): "subscribers",
    ("subscribers-import", "POST"): "subscribers",
    ("subscribers-import-job", "GET"): "subscribers",
    ("subscribers-import-job", "DELETE"): "subscribers",
    ("subscribers-import-confirm", "POST"): "subscribers",
    ("subscribers-import-undo", "GET"): "subscribers",
    ("subscribers-import-undo", "POST"): "subscribers",
    ("templates", "GET"): "read",
    ("template", "GET"): "read",
    ("template-quality", "GET"): "read",
    ("number-quality", "GET"): "read",
    ("quality-changes", "GET"): "read",
    ("key-figures", "GET"): "read",
    ("template-drafts", "GET"): "read",
    ("template-draft", "GET"): "read",
    ("plan", "GET"): "read",
    ("preflight", "GET"): "read",
    ("preflight", "POST"): "distribute",
    ("numbers", "GET"): "read",
    ("number", "GET"): "read",
    ("queue-alerts", "GET"): "read",
    ("queue-alerts", "POST"): "admin",
    ("queue-alert-acknowledge", "POST"): "admin",
    ("queue-status", "GET"): "read",
    ("health", "GET"): "read",
}
# For staff in a browser, or without authorisation: they have tests of their own.
WITHOUT_SCOPES = {"try-it", "nothing", "index", "problems", "problem"}


def _distribution() -> int:
    return builders.an_open_distribution(1).pk


def _record() -> int:
    now = timezone.now()
    ended = builders.an_open_distribution(1)
    Distribution.objects.filter(pk=ended.pk).update(state="COMPLETED", completed_at=now)
    assert making.make_due(now)
    return RunRecord.objects.latest("pk").pk


def _planned() -> int:
    return builders.a_planned_distribution(timezone.now(), kind=Kind.ONE_TIME).pk


def _import() -> int:
    return jobs.submit(b"phone\n1", "crm.csv", by="crm", now=timezone.now()).pk


def _alert() -> int:
    now = timezone.now()
    distribution = next(builders.serial)
    incidents.raise_alert(AlertRule.OVERRUN, distribution, message="Look.", now=now)
    return Alert.objects.get(scope=f"distribution {distribution}").pk


def _daily_time() -> int:
    day = timezone.localdate() + timedelta(days=3 + next(builders.serial))
    return DailyTime.objects.create(from_day=day, time=time(6, 30)).pk


def _blackout_date() -> int:
    day = timezone.localdate() + timedelta(days=3 + next(builders.serial))
    return BlackoutDate.objects.create(day=day, reason="Diwali").pk


# name → creates a record, returns its id
EXAMPLES: Mapping[str, Callable[[], int]] = {
    "planned": _planned,
    "content": lambda: builders.a_draft().pk,
    "content-withdraw": lambda: builders.a_draft().pk,
    "content-replace": lambda: builders.an_approved_content(day=None, is_fallback=True).pk,
    "deliveries": _distribution,
    "records": _distribution,
    "record": _record,
    "daily-time": _daily_time,
    "blackout-date": _blackout_date,
    "retry": lambda: a_failed_distribution().pk,
    "pause": _distribution,
    "resume": _distribution,
    "cancel": _distribution,
    "subscriber": lambda: builders.a_subscriber().pk,
    "subscriber-status": lambda: builders.a_subscriber().pk,
    "subscriber-erase": lambda: builders.a_subscriber().pk,
    "subscriber-history": lambda: builders.a_subscriber().pk,
    "subscribers-import-job": _import,
    "subscribers-import-confirm": _import,
    "subscribers-import-undo": _import,
    "template": lambda: builders.a_template().pk,
    "template-draft": lambda: builders.a_template_draft().pk,
    "number": lambda: builders.a_number().pk,
    "template-quality": lambda: builders.a_template().pk,
    "number-quality": lambda: builders.a_number().pk,
    "queue-alert-acknowledge": _alert,
}


def path_of(name: str) -> str:
    """A route's path as the document writes it."""
    return reverse(f"api:{name}", args=[7] if name in EXAMPLES else []).replace("/7", "/{id}")


def url_of(name: str) -> str:
    """A route's path, with the id of a new record if it takes one."""
    return reverse(f"api:{name}", args=[EXAMPLES[name]()] if name in EXAMPLES else [])


# By path, as the document writes it
NAMES = {path_of(name): name for name, _ in SCOPES}


def views(resolver: URLResolver | None = None, space: str = "") -> Iterator[tuple[str, Any]]:
    """Every route under /api/ by its name, with its view's class (None: a plain function)."""
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLResolver):
            yield from views(pattern, pattern.namespace or space)
        elif isinstance(pattern, URLPattern) and space == "api":
            yield str(pattern.name), getattr(pattern.callback, "cls", None)
