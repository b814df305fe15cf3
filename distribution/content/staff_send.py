"""A test send: a content, as one subscriber would get it, to phones of the staff.

It uses the rendering, send slots and client of the sending path, but writes no delivery, and the
webhooks about it are ignored.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from distribution.content import eligible_numbers, rendering, setup_messages, template_schema
from distribution.content.template_schema import BODY, TemplateSchema
from distribution.models import Content, MessageTemplate
from distribution.runtime import india_time
from masking.phones import mask_phone
from phonepool.cloud_api.client import CloudApi, OutcomeKind, PreparedMessage, SendOutcome
from phonepool.numbers import lending
from phonepool.numbers.reservation import Reservation
from subscribers.models import Subscriber

SLOT_GRACE_SECONDS = 10.0  # a test message may start this long after its slot


class StaffSendError(Exception):
    """The test cannot be sent; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class StaffSendResult:
    """The result of one test message."""

    phone: str  # masked
    accepted: bool
    words: str


def send(
    content: Content,
    person: Subscriber,
    phones: list[str],
    *,
    api: CloudApi,
    clock: Callable[[], datetime] = timezone.now,
) -> list[StaffSendResult]:
    """Send it to these phones with the person's values; one result per phone, in their order.

    Only phones of TEST_RECIPIENTS. Blocks until the Cloud API has answered for all.
    """
    _check(phones)
    if content.pk is None:
        raise StaffSendError(_("Save the content first."))
    return [result for result, _outcome in _send(content, person, phones, api, clock)]


def send_sample(
    template: MessageTemplate,
    phone: str,
    *,
    api: CloudApi,
    clock: Callable[[], datetime] = timezone.now,
) -> StaffSendResult:
    """Send a message template with example values to a phone of TEST_RECIPIENTS, before there is
    any content. What WhatsApp reports of it is kept in its SetupMessage."""
    _check([phone])
    schema = template_schema.parse(template.components)
    if not can_be_sampled(schema):
        raise StaffSendError(
            _("This template needs a file or a button address. Choose another one.")
        )
    texts = [slot.example or f"example {slot.place + 1}" for slot in schema.of(BODY)]
    content = Content(message_template=template, body_variables=texts)
    [(result, outcome)] = _send(content, Subscriber(phone=phone), [phone], api, clock)
    if outcome is not None and outcome.wamid:
        setup_messages.record(outcome.wamid, template=f"{template}", now=clock())
    return result


def can_be_sampled(schema: TemplateSchema) -> bool:
    """Whether texts for its body are all that a template needs."""
    return (
        schema.known and not schema.needs_media and {slot.part for slot in schema.slots} <= {BODY}
    )


def _send(
    content: Content,
    person: Subscriber,
    phones: list[str],
    api: CloudApi,
    clock: Callable[[], datetime],
) -> list[tuple[StaffSendResult, SendOutcome | None]]:
    messages = _messages(content, person, phones, clock)
    outcomes = outcomes_of(messages, api=api)
    ended = [(message, outcomes.get(message.key)) for message in messages]
    return [(_result(message, outcome), outcome) for message, outcome in ended]


def outcomes_of(messages: Sequence[PreparedMessage], *, api: CloudApi) -> dict[int, SendOutcome]:
    """Send them and wait for the answers; those that did not come in time are missing."""
    dispatch = api.dispatch()
    dispatch.submit(messages)
    outcomes: dict[int, SendOutcome] = {}
    end = time.monotonic() + settings.SLOT_HORIZON_SECONDS + settings.CLOUD_API_READ_TIMEOUT * 2
    while len(outcomes) < len(messages) and time.monotonic() < end:
        outcomes.update({outcome.key: outcome for outcome in dispatch.collect(timeout=1.0)})
    dispatch.close()
    return outcomes


def _check(phones: list[str]) -> None:
    if not settings.TEST_RECIPIENTS:
        raise StaffSendError(_("No staff phones are set up. List them in TEST_RECIPIENTS."))
    if not phones:
        raise StaffSendError(_("Choose at least one phone."))
    if set(phones) - set(settings.TEST_RECIPIENTS):
        raise StaffSendError(_("Tests can only go to the phones in TEST_RECIPIENTS."))


def _messages(
    content: Content, person: Subscriber, phones: list[str], clock: Callable[[], datetime]
) -> list[PreparedMessage]:
    slots: list[tuple[Reservation, int]] = []
    numbers = eligible_numbers.for_content(content, india_time.local_date(clock()))
    while len(slots) < len(phones):
        taken = lending.slot(now=clock(), allowed=numbers.allowed)
        if taken is None:
            raise StaffSendError(_("No phone number can send right now. Try again in a minute."))
        slots += [(taken, place) for place in range(taken.count)]
    ahead = time.monotonic() - clock().timestamp()  # wall clock → monotonic
    token, wording = secrets.token_hex(8), rendering.Wording(content)
    return [
        rendering.prepare(
            wording,
            person,
            to=phone,
            key=key,
            attempt_id=f"test:{content.pk}.{key}.{token}",  # no attempt id: webhooks skip it
            slots=taken,
            media_id=numbers.media_id(taken.number_id),
            send_at=taken.slot(place) + ahead,
            deadline=taken.slot(place) + ahead + min(SLOT_GRACE_SECONDS, taken.late_seconds),
        )
        for key, (phone, (taken, place)) in enumerate(zip(phones, slots, strict=True))
    ]


def _result(message: PreparedMessage, outcome: SendOutcome | None) -> StaffSendResult:
    phone = mask_phone(message.to)
    if outcome is None:
        return StaffSendResult(phone, accepted=False, words=_("No answer yet. Check the phone."))
    if outcome.kind in (OutcomeKind.ACCEPTED, OutcomeKind.HELD):
        return StaffSendResult(phone, accepted=True, words=_("WhatsApp accepted it."))
    failure = outcome.failure
    advice = failure.advice if failure else ""
    details = f" ({outcome.details})" if outcome.details else ""
    return StaffSendResult(
        phone, accepted=False, words=f"{_('Not sent')}{details}. {advice}".strip()
    )
