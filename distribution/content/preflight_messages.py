"""The messages of a preflight: every number to every phone of the staff.

They have no delivery and open nobody's day: their callback data begins with `preflight:`, by which
the reports about them are told from all others.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from django.utils import timezone

from distribution.content import rendering, staff_send
from distribution.models import Content, Preflight, PreflightMessage
from masking.phones import mask_phone
from phonepool.cloud_api.client import CloudApi, OutcomeKind, PreparedMessage, SendOutcome
from phonepool.models import PhoneNumber
from phonepool.numbers.reservation import Reservation
from subscribers.models import Subscriber

MARK = re.compile(r"preflight:([0-9]{1,18})\.([0-9a-f]{16})")
SPACING_SECONDS = 0.2  # between two messages of a number: far below any limit


class Report(Protocol):
    """What is read of a status report."""

    @property
    def mark(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def code(self) -> int | None: ...
    @property
    def details(self) -> str: ...


def send(
    preflight: Preflight,
    content: Content,
    people: Sequence[Subscriber],
    phones: Sequence[str],
    numbers: Mapping[PhoneNumber, str],
    *,
    api: CloudApi,
    clock: Callable[[], datetime] = timezone.now,
) -> None:
    """Send the content through each of the `numbers` (with its media id) to each of the phones.

    The values are those of `people`, in turn. Blocks until the Cloud API has answered for all.
    """
    rows = {}
    messages = []
    start = clock()
    for number, media_id in numbers.items():
        slots = Reservation(
            number_id=number.pk,
            meta_id=number.meta_id,
            portfolio_id=number.portfolio.business_id,
            count=len(phones),
            first=start.timestamp(),
            spacing=SPACING_SECONDS,
            min_spacing=SPACING_SECONDS,
        )
        for place, phone in enumerate(phones):
            row = PreflightMessage.objects.create(
                preflight=preflight,
                number=number,
                token=secrets.token_hex(8),
                phone=mask_phone(phone),
                at=start,
            )
            rows[row.pk] = row
            person = people[place % len(people)]
            messages.append(_message(content, person, phone, row, slots, place, media_id, start))
    for key, outcome in staff_send.outcomes_of(messages, api=api).items():
        _note_answer(rows[key], outcome, clock())


def _message(
    content: Content,
    person: Subscriber,
    phone: str,
    row: PreflightMessage,
    slots: Reservation,
    place: int,
    media_id: str,
    now: datetime,
) -> PreparedMessage:
    at = slots.slot(place) + time.monotonic() - now.timestamp()  # wall clock → monotonic
    return rendering.prepare(
        rendering.Wording(content),
        person,
        to=phone,
        key=row.pk,
        attempt_id=str(row),
        slots=slots,
        media_id=media_id,
        send_at=at,
        deadline=at + staff_send.SLOT_GRACE_SECONDS,
    )


def _note_answer(row: PreflightMessage, outcome: SendOutcome, now: datetime) -> None:
    """Only its own columns: reports may have been applied in the meantime."""
    accepted = outcome.kind in (OutcomeKind.ACCEPTED, OutcomeKind.HELD)
    words = outcome.details or (outcome.failure.slug if outcome.failure else "")
    rows = PreflightMessage.objects.filter(pk=row.pk)
    rows.update(answered_at=now, accepted=accepted, held=outcome.kind == OutcomeKind.HELD)
    if not accepted:
        rows.update(code=outcome.code, details=words[:300])


def note_reports(reports: Iterable[Report], *, now: datetime) -> None:
    """Apply reports that belong to no delivery, if they are of messages of a preflight."""
    for report in reports:
        match = MARK.fullmatch(report.mark)
        if match is None:
            continue
        rows = PreflightMessage.objects.filter(pk=int(match[1]), token=match[2])
        if report.status == "failed":
            rows.filter(failed_at=None).update(
                failed_at=now, code=report.code, details=report.details[:300]
            )
            continue
        rows.filter(sent_at=None).update(sent_at=now)
        if report.status in ("delivered", "read"):
            rows.filter(delivered_at=None).update(delivered_at=now)
