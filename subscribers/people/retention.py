"""What is deleted by time: rows of lists that checks kept, and people who left long ago."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Max

from subscribers.importing.jobs import RUNNING
from subscribers.models import ConsentEvent, Erasure, ImportJob, Status, Subscriber
from subscribers.people import erasure

ROWS_TOGETHER = 500
PEOPLE_LIMIT = 500  # erased in one run of the regular task: about a minute
REASON = "Consent was withdrawn {} days ago or more."


def forget_samples(now: datetime) -> int:
    """Delete the rows that checks of lists show after IMPORT_SAMPLES_KEEP_DAYS; how many lists."""
    old = now - timedelta(days=settings.IMPORT_SAMPLES_KEEP_DAYS)
    jobs = ImportJob.objects.filter(created_at__lt=old).exclude(state__in=RUNNING)
    kept, done = jobs.exclude(samples={}), 0
    while pks := list(kept.order_by("pk").values_list("pk", flat=True)[:ROWS_TOGETHER]):
        done += ImportJob.objects.filter(pk__in=pks).update(samples={})
    return done


def erase_who_left(now: datetime) -> int:
    """Erase those whose consent has been withdrawn for WITHDRAWN_KEEP_DAYS; how many.

    The keyed hash stays, which keeps them unsubscribed, as with every erasure.
    """
    old = now - timedelta(days=settings.WITHDRAWN_KEEP_DAYS)
    left = Subscriber.objects.existing().filter(
        status=Status.UNSUBSCRIBED, updated_at__lt=old, erasure=None
    )
    reason, done = REASON.format(settings.WITHDRAWN_KEEP_DAYS), 0
    people = list(left.order_by("updated_at", "pk")[:PEOPLE_LIMIT])
    events = ConsentEvent.objects.filter(subscriber__in=people, kind=ConsentEvent.Kind.OPT_OUT)
    latest = dict(events.order_by().values_list("subscriber").annotate(Max("at")))
    for person in people:
        if person.pk in latest and latest[person.pk] >= old:
            continue
        asked = erasure.request_erasure(person, reason=reason, by="retention", now=now)
        done += _purge(asked, now)
    return done


def _purge(asked: Erasure, now: datetime) -> bool:
    try:
        erasure.purge(asked, now=now, search_seconds=0)
    except erasure.ErasureRefused:  # `purge_due` tries again
        return False
    return True
