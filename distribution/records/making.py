"""Making records: when a distribution has ended, a day later and a week later.

Late reports arrive for days, so a later record supersedes the earlier one, which stays.
"""

from __future__ import annotations

import gzip
import hashlib
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO

import rfc8785
from django.db import IntegrityError, transaction
from django.db.models import F, Max, Q
from django.db.models.functions import Coalesce

from distribution.models import Distribution, RecordPart, RunRecord
from distribution.models.distributions import ENDED
from distribution.records import manifest, rows, signing
from distribution.records.manifest import Counted
from distribution.records.rows import Line

# The first record is made as soon as a distribution has ended, later ones at these ages.
AGES = (timedelta(days=1), timedelta(days=7))
PER_CALL = 5  # records; the next call makes the rest
LEVEL = 6  # of compression
IN_MEMORY = 8 * 1024 * 1024  # bytes


def due(now: datetime) -> list[Distribution]:
    """Distributions of which a record is to be made: those without any first, the latest of them
    first. One that ended long ago, before there were records, gets one and not three."""
    sent = Distribution.objects.with_deliveries().filter(state__in=ENDED)
    ended = sent.annotate(
        end=Coalesce("completed_at", "window_end"), last=Max("records__made_at")
    ).filter(end__lte=now)
    late = Q(last=None)
    for age in AGES:
        late |= Q(end__lte=now - age, last__lt=F("end") + age)
    by_need = F("last").asc(nulls_first=True)
    return list(ended.filter(late).order_by(by_need, "-end", "pk")[:PER_CALL])


def make_due(now: datetime) -> int:
    """Make the records that are due; how many. Raises KeyUnusable."""
    waiting = due(now)
    if not waiting:
        return 0
    key = signing.load()
    return sum(make(distribution, key, now=now) is not None for distribution in waiting)


@dataclass(frozen=True, slots=True)
class _Part:
    """A part that waits in the file until the root over all parts is known."""

    size: int
    first: int
    last: int


def make(distribution: Distribution, key: signing.Key, *, now: datetime) -> RunRecord | None:
    """Make its next record; None if another process made one meanwhile: the next call goes on."""
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as file:
        return _make(distribution, key, file, now)


def _make(
    distribution: Distribution, key: signing.Key, file: IO[bytes], now: datetime
) -> RunRecord | None:
    """The parts wait in `file`: a million lines are 60 MB, and several times that on the way to
    the database."""
    counted = Counted()
    parts = [_write(file, lines, counted) for lines in rows.parts(distribution)]
    file.seek(0)
    earlier = RunRecord.objects.filter(distribution=distribution).order_by("-no").first()
    latest = RunRecord.objects.order_by("-pk").first()
    no = earlier.no + 1 if earlier else 1
    signed = rfc8785.dumps(
        manifest.build(
            distribution,
            counted,
            no=no,
            previous=latest.digest if latest else "",
            supersedes=earlier.digest if earlier else "",
        )
    )
    try:
        with transaction.atomic():
            record = RunRecord.objects.create(
                distribution=distribution,
                no=no,
                made_at=now,
                manifest=signed.decode(),
                digest=hashlib.sha256(signed).hexdigest(),
                previous=latest.digest if latest else "",
                signature=key.sign(signed),
                public_key=key.public_pem.decode(),
            )
            for number, part in enumerate(parts):
                RecordPart.objects.create(
                    record=record,
                    no=number,
                    first_delivery=part.first,
                    last_delivery=part.last,
                    lines=file.read(part.size),
                )
    except IntegrityError:
        return None
    return record


def _write(file: IO[bytes], lines: list[Line], counted: Counted) -> _Part:
    for line in lines:
        counted.tree.add(line.leaf)
        counted.states[line.state] += 1
        if line.reason:
            counted.reasons[line.reason] += 1
    size = file.write(pack([line.text for line in lines]))
    return _Part(size, lines[0].delivery_id, lines[-1].delivery_id)


def pack(texts: list[bytes]) -> bytes:
    return gzip.compress(b"\n".join(texts), LEVEL, mtime=0)


def unpack(lines: bytes | memoryview) -> list[bytes]:
    return gzip.decompress(bytes(lines)).split(b"\n")
