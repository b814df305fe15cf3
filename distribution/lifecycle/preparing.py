"""Freezes the rest of a large audience, slice by slice, while the first are written to already.

Each slice is a transaction of its own that also says how far the audience is frozen, so a crash
costs one slice at most and the next process goes on from there. Whoever holds the row of the
preparation freezes; any number of processes may try. What is frozen is published by the callers:
`unpublished` says which batches, and `mark_published` is told afterwards.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Max, Q

from distribution.ledger import deliveries, rollup_marks
from distribution.ledger.reasons import DeliveryReason
from distribution.lifecycle import audience_limit, audience_rows, repetition
from distribution.lifecycle.audience_rows import Batches, Place
from distribution.models import Delivery, Distribution, DistributionState, Preparation
from distribution.models.deliveries import CLAIMABLE
from distribution.models.distributions import RUNNING
from distribution.runtime import partitions, statistics
from distribution.runtime.long_statements import allow_long_statements
from phonepool.failpoints import failpoint
from subscribers import audience_lock
from subscribers.consent import standing
from subscribers.consent.standing import Moment

STALE = timedelta(seconds=5)  # without a slice or a publication: nobody is at it


def freeze_next(distribution_id: int, *, now: datetime) -> bool:
    """Freeze the next slice. False: there is none, or another process is at it."""
    with transaction.atomic():
        rows = Preparation.objects.select_for_update(of=("self",), skip_locked=True)
        preparation = rows.filter(
            distribution=distribution_id, distribution__preparing=True
        ).first()
        if preparation is None:
            return False
        allow_long_statements()
        _Slice(preparation, now).freeze()
    failpoint("slice_frozen")
    return True


def freeze_all(distribution_id: int, *, now: datetime) -> None:
    """Freeze all that is left, without sending any of it meanwhile."""
    while freeze_next(distribution_id, now=now):
        pass


def unpublished(distribution_id: int) -> range:
    """The batches that are frozen and that no process has published yet. Of a small audience that
    is all of them: what of it is lost, the sweep finds."""
    distribution = Distribution.objects.get(pk=distribution_id)
    preparation = Preparation.objects.filter(distribution=distribution).first()
    if preparation is None:
        return range(distribution.batches)
    if distribution.state != DistributionState.SENDING:  # a task would find nothing to do
        return range(0)
    return range(preparation.published, distribution.batches)


def mark_published(distribution_id: int, batches: range, *, now: datetime) -> None:
    """The broker has these batches."""
    Preparation.objects.filter(distribution=distribution_id, published__lt=batches.stop).update(
        published=batches.stop, moved_at=now
    )


def unfinished(now: datetime) -> list[int]:
    """Distributions whose audience is not wholly frozen, or not wholly published, and that no
    process seems to be at."""
    open_ones = Preparation.objects.filter(ended_at=None)
    whole = open_ones.filter(distribution__preparing=False)
    sent = Q(published__gte=F("distribution__batches")) | ~Q(distribution__state__in=RUNNING)
    ended = list(whole.filter(sent).values_list("pk", flat=True))
    Preparation.objects.filter(pk__in=ended).update(ended_at=now)
    idle = Q(moved_at__lt=now - STALE) | Q(moved_at__gt=now + STALE)  # the clock was set back
    left = Q(distribution__preparing=True) | Q(distribution__state=DistributionState.SENDING)
    rows = open_ones.filter(idle, left).order_by("distribution")
    return list(rows.values_list("distribution", flat=True))


class _Slice:
    """One slice, in its transaction."""

    def __init__(self, preparation: Preparation, now: datetime) -> None:
        self.preparation, self.now = preparation, now
        related = ("content", "rung__content")
        rows = Distribution.objects.select_related(*related)
        self.distribution = rows.get(pk=preparation.distribution_id)
        self.moment = Moment(preparation.last_subscriber, preparation.last_event)
        self.first_batch = self.next_batch = self.distribution.batches

    def freeze(self) -> None:
        contents = [self.distribution.content, self.distribution.used_content]
        said = list(dict.fromkeys(content for content in contents if content is not None))
        for content in sorted(said, key=lambda one: one.message_template_id):
            repetition.lock(content)  # an opening of the same content waits for this slice
        audience_lock.hold_while_freezing()
        end = self._insert()
        failpoint("freeze_slice")
        self._skip_over_limit()
        for content in said:
            repetition.skip_received(self.distribution, content, first_batch=self.first_batch)
        if self.distribution.state == DistributionState.CANCELLED:
            deliveries.skip_waiting(self.distribution.pk, DeliveryReason.CANCELLED)
            rollup_marks.mark_changed([self.distribution.pk], now=self.now)
        self._keep(end)

    def _insert(self) -> Place | None:
        """Insert the slice; its end, or None if it was the last."""
        preparation, last = self.preparation, self.moment.subscriber
        after = Place(preparation.tier_rank, preparation.subscriber)
        end = audience_rows.end_of_slice(after, settings.SLICE_PEOPLE, last)
        joined = standing.joined_since(self.moment)
        rows = audience_rows.insert_range(
            self.distribution, after, end, self._numbering(), now=self.now, last=last,
            without=joined,
        )  # fmt: skip
        self._count(rows)
        if end is None:
            rows = audience_rows.insert_left_over(
                self.distribution, self._numbering(), now=self.now, last=last, without=joined,
                left=standing.left_since(self.moment),
            )  # fmt: skip
            self._count(rows)
        table = partitions.table_of(self.distribution.pk)
        statistics.refresh_after_filling(table, rows=preparation.frozen)
        return end

    def _numbering(self) -> Batches:
        return Batches(self.next_batch, self.preparation.batch_size)

    def _count(self, rows: int) -> None:
        """Rows just inserted; batches of which nobody was inserted have no number."""
        self.preparation.frozen += rows
        ours = Delivery.objects.filter(distribution=self.distribution, state__in=CLAIMABLE)
        fresh = ours.filter(batch_no__gte=self.next_batch)
        last = fresh.aggregate(last=Max("batch_no"))["last"] if rows else None
        self.next_batch = self.next_batch if last is None else last + 1

    def _skip_over_limit(self) -> None:
        if self.preparation.room is None:
            return
        skipped, self.preparation.room = audience_limit.skip_beyond(
            self.distribution,
            self.preparation.room,
            first_batch=self.first_batch,
            now=self.now,
        )
        self.preparation.over_limit += skipped
        if skipped:
            audience_limit.tell(self.distribution, self.preparation.over_limit, now=self.now)

    def _keep(self, end: Place | None) -> None:
        """Say how far the audience is frozen. The distribution's row, which others wait for, is
        written last, after the foreign keys of the slice were checked."""
        preparation = self.preparation
        if end is not None:
            preparation.tier_rank, preparation.subscriber = end.rank, end.subscriber
        preparation.moved_at = self.now
        preparation.save()
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        rows = Distribution.objects.filter(pk=self.distribution.pk)
        if end is None:
            frozen = preparation.frozen
            rows.update(batches=self.next_batch, preparing=False, recipients=frozen)
        else:
            rows.update(batches=self.next_batch)
