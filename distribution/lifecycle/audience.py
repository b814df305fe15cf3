"""Freezes the audience: one delivery per person, PREMIUM → PRO → BASIC, in numbered batches.

Whoever is active at the opening is in it. The first slice is inserted in the opening's transaction,
so that sending begins at once however many there are; `preparing` freezes the rest. An audience
that fits into the first slice is frozen by one INSERT … SELECT: a crash leaves all or nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Max

from distribution.content import eligible_numbers
from distribution.lifecycle import audience_limit, audience_rows, portfolio_plan
from distribution.lifecycle.audience_rows import START, Batches, Place
from distribution.models import Delivery, Distribution, Preparation
from distribution.quality import sent_templates
from distribution.runtime import partitions, statistics
from distribution.runtime.long_statements import allow_long_statements
from phonepool.failpoints import failpoint
from subscribers import audience_lock
from subscribers.consent import standing
from subscribers.consent.standing import Moment
from subscribers.models import Subscriber


@dataclass(frozen=True, slots=True)
class FrozenAudience:
    recipients: int  # everybody, those of later slices included
    batches: int  # that can be sent
    over_limit: int  # skipped at once: the portfolio may not write to them today


@dataclass(frozen=True, slots=True)
class FirstSlice:
    """What the opening has inserted."""

    rows: int
    batches: Batches
    next_batch: int
    end: Place | None  # None: everybody
    moment: Moment | None  # of an audience that has more slices

    @property
    def recipients(self) -> int:
        if self.moment is None:
            return self.rows
        return Subscriber.objects.eligible().filter(pk__lte=self.moment.subscriber).count()


def freeze(distribution: Distribution, *, now: datetime) -> FrozenAudience:
    """Insert one delivery per recipient of the first slice. Call it inside the transaction of the
    opening, which saves the distribution."""
    allow_long_statements()
    audience_lock.hold_while_freezing()
    content, day = distribution.content, distribution.local_date
    sent = sent_templates.of(distribution, content).content if content else None
    allowed = eligible_numbers.for_content(sent, day).allowed if sent else None
    portfolios = portfolio_plan.look(allowed, now=now)
    inserted = _insert_first(distribution, Batches(0, portfolios.batch_size), now)
    recipients = inserted.recipients
    room, over_limit = audience_limit.room(distribution, allowed, portfolios, now=now), 0
    if room is not None:
        over_limit, room = audience_limit.skip_beyond(distribution, room, now=now)
    distribution.portfolio_plan = portfolio_plan.make(
        portfolios,
        recipients=recipients,
        batches=max(inserted.next_batch, -(-recipients // inserted.batches.size)),
    )
    distribution.preparing = inserted.moment is not None
    if inserted.moment is not None:
        _prepare_more(distribution, inserted, inserted.moment, room, over_limit, now)
    return FrozenAudience(recipients, inserted.next_batch, over_limit)


def _insert_first(distribution: Distribution, batches: Batches, now: datetime) -> FirstSlice:
    end = audience_rows.end_of_slice(START, settings.FIRST_SLICE_PEOPLE)
    moment = None if end is None else standing.this_moment()
    inserted = audience_rows.insert_range(distribution, START, end, batches, now=now)
    statistics.refresh_after_filling(partitions.table_of(distribution.pk), rows=inserted)
    failpoint("freeze")
    rows = Delivery.objects.filter(distribution=distribution)
    last = rows.aggregate(last=Max("batch_no"))["last"]
    next_batch = 0 if last is None else last + 1
    return FirstSlice(rows.count(), batches, next_batch, end, moment)


def _prepare_more(
    distribution: Distribution,
    inserted: FirstSlice,
    moment: Moment,
    room: int | None,
    over_limit: int,
    now: datetime,
) -> None:
    assert inserted.end is not None  # it has more slices
    Preparation.objects.create(
        distribution=distribution,
        last_subscriber=moment.subscriber,
        last_event=moment.event,
        tier_rank=inserted.end.rank,
        subscriber=inserted.end.subscriber,
        frozen=inserted.rows,
        batch_size=inserted.batches.size,
        room=room,
        over_limit=over_limit,
        moved_at=now,
    )
