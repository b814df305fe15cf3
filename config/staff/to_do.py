"""What waits for a person: the list on the home page, each with the page where it is done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from distribution.content import calendar, second_person
from distribution.interventions import manual_retry, unconfirmed
from distribution.models import (
    Content,
    ContentState,
    Delivery,
    Distribution,
    DistributionState,
    State,
)
from distribution.models.distributions import RUNNING
from distribution.reporting.today import Today
from distribution.runtime import india_time

UNCONFIRMED_SINCE = timedelta(days=14)
REVIEWS_NAMED = 3  # contents with a link of their own; more lead to the queue
DAYS_AHEAD = 14  # in which a day without content is looked for
FAILED_LOOKED_AT = 500  # of a distribution, whether one can be retried: a million may have failed


@dataclass(frozen=True, slots=True)
class Link:
    """Something to do, and the page where it is done."""

    words: str
    url: str


def for_person(user: Any, loaded: Today, now: datetime) -> Iterator[Link]:
    """All of it, the most urgent first."""
    if user.has_perm("distribution.approve_content"):
        yield from _reviews(user)
    if user.has_perm(manual_retry.PERMISSION):
        yield from _retries(now)
    if user.has_perm("distribution.resend_unconfirmed"):
        yield from _decisions(now)
    if user.has_perm("distribution.acknowledge_alert"):
        number = sum(alert.acknowledged_at is None for alert in loaded.alerts.rows)
        if number:
            words = ngettext("%d alert to acknowledge", "%d alerts to acknowledge", number) % number
            yield Link(words, f"{reverse('admin:distribution_alert_changelist')}?state=open")
    if user.has_perm("distribution.add_content"):
        yield from _gap(now)


def _reviews(user: Any) -> Iterator[Link]:
    """Contents that wait for somebody other than who wrote them."""
    waiting = Content.objects.filter(state=ContentState.SUBMITTED).order_by("day", "pk")
    mine = [content for content in waiting if not second_person.part_in(content, user)]
    if len(mine) > REVIEWS_NAMED:
        words = ngettext("%d content to review", "%d contents to review", len(mine)) % len(mine)
        yield Link(words, reverse("admin:distribution_content_queue"))
    for content in mine[:REVIEWS_NAMED]:
        is_dated = content.day and not content.is_fallback
        day = f"{content.day:%a %-d %b}" if is_dated else _("fallback")
        url = reverse("admin:distribution_content_change", args=[content.pk])
        yield Link(_("Review “%(title)s” (%(day)s)") % {"title": content.title, "day": day}, url)


def _retries(now: datetime) -> Iterator[Link]:
    """Distributions of today with failed deliveries that can be sent again."""
    states = (*RUNNING, DistributionState.COMPLETED)
    of_today = Distribution.objects.filter(local_date=india_time.local_date(now), state__in=states)
    for distribution in of_today.order_by("planned_at"):
        failed = Delivery.objects.filter(distribution=distribution, state=State.FAILED).order_by()
        some = list(failed.values_list("pk", flat=True)[:FAILED_LOOKED_AT])
        if some and manual_retry.safe_ones(distribution.pk).filter(pk__in=some).exists():
            words = _("Retry failed deliveries of the %(distribution)s")
            url = reverse("admin:distribution_act", args=[distribution.pk, "retry"])
            yield Link(words % {"distribution": _inside(distribution)}, url)


def _decisions(now: datetime) -> Iterator[Link]:
    for distribution, number in _unconfirmed(now):
        words = ngettext(
            "%(number)d unconfirmed delivery of the %(distribution)s",
            "%(number)d unconfirmed deliveries of the %(distribution)s",
            number,
        ) % {"number": number, "distribution": _inside(distribution)}
        yield Link(words, reverse("admin:distribution_doubts", args=[distribution.pk]))


def _inside(distribution: Distribution) -> str:
    """Its name inside a sentence."""
    name = str(distribution)
    return name[:1].lower() + name[1:]


def _unconfirmed(now: datetime) -> list[tuple[Distribution, int]]:
    recent = Distribution.objects.filter(planned_at__gt=now - UNCONFIRMED_SINCE)
    rows = unconfirmed.listed().filter(distribution__in=recent).order_by()
    counts = dict(rows.values_list("distribution").annotate(Count("pk")))
    return [(row, counts[row.pk]) for row in recent.filter(pk__in=list(counts))]


def _gap(now: datetime) -> Iterator[Link]:
    """The next day for which nobody has written anything."""
    tomorrow = india_time.local_date(now) + timedelta(days=1)
    coming = calendar.days(tomorrow, DAYS_AHEAD, now=now)
    gap = next((day for day in coming if day.gap and day.content is None), None)
    if gap is not None:
        words = _("Write content for %(day)s") % {"day": f"{gap.day:%A %-d %B}"}
        url = reverse("admin:distribution_content_add")
        yield Link(words, f"{url}?day={gap.day.isoformat()}")
