"""Plans the webhooks of an accepted message, each with its time. Nothing is posted here."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.behaviour.outcomes import (
    MessageOutcome,
    outcome_by_suffix,
    random_pair,
    sticky_outcome,
)
from sandbox.behaviour.timing import by_quantiles, draw
from sandbox.templates.message_template import MessageTemplate
from sandbox.world.accounts import Number
from sandbox.world.people import Person
from sandbox.world.world import World

_DELIVERED_OUTCOMES = {
    MessageOutcome.DELIVERED,
    MessageOutcome.READ,
    MessageOutcome.READ_ONLY,
    MessageOutcome.FAILED_AFTER_DELIVERED,
    MessageOutcome.DELIVERED_AFTER_FAILED,
}


@dataclass(slots=True)
class Message:
    """One accepted message."""

    wamid: str
    number: Number
    to: str  # digits with country code, or a BSUID
    wa_id: str  # the same in WhatsApp's spelling
    opaque: str
    category: str  # UTILITY, MARKETING, AUTHENTICATION, SERVICE
    accepted_at: float
    template: MessageTemplate | None = None
    failure_details: str = ""  # of a failure that a test ordered


@dataclass(frozen=True, slots=True)
class Step:
    """One status change or reply, `after_s` seconds after the message was accepted."""

    after_s: float
    status: str  # sent, delivered, read, failed; reply, stop_word, native_stop by the person
    code: int = 0
    priced: bool = False


def choose_outcome(world: World, message: Message, now: float) -> MessageOutcome:
    """The outcome of one accepted message; problems of the account come first."""
    person = world.people.get(message.wa_id)
    if not message.number.waba.payment_ok:
        return MessageOutcome.UNPAID
    if message.template is None and (person is None or person.writes_until < now):
        return MessageOutcome.WINDOW_CLOSED
    if person is not None and person.forced is not None:
        return person.forced
    if person is not None and person.blocked:
        return MessageOutcome.NEVER
    if message.category == "MARKETING" and person is not None and person.stopped_marketing:
        return MessageOutcome.OPTED_OUT
    outcome = outcome_by_suffix(world.settings.magic_suffixes, message.to) or _outcome_by_shares(
        world, message
    )
    if _within_limit(world, message, outcome, person, now):
        return outcome
    return MessageOutcome.LIMITED


def _outcome_by_shares(world: World, message: Message) -> MessageOutcome:
    settings, shares = world.settings, world.settings.outcome_shares
    return sticky_outcome(
        random_pair(world.seed, message.to),
        shares=shares.get(message.category, shares["UTILITY"]),
        read_share=settings.read_share * (1 - settings.receipts_off_share),
        delivered_skipped_share=settings.delivered_skipped_share,
    )


def _within_limit(
    world: World, message: Message, outcome: MessageOutcome, person: Person | None, now: float
) -> bool:
    """Whether the portfolio's limit allows this person; open conversations do not count."""
    portfolio = message.number.waba.portfolio
    limit = world.messaging_limit(portfolio)
    if not limit or outcome not in _DELIVERED_OUTCOMES:
        return True
    if person is not None and person.writes_until >= now:
        return True
    return portfolio.people.admit(message.wa_id, now, limit)


def steps_for(world: World, message: Message, outcome: MessageOutcome, code: int = 0) -> list[Step]:
    """The steps of an outcome. `code` replaces the outcome's failure code."""
    if outcome in (MessageOutcome.SILENT, MessageOutcome.HELD):
        return []
    code = code or outcome.failure_code
    sent = _sent_s(world)
    if outcome is MessageOutcome.DELIVERED_AFTER_FAILED:
        failed = Step(_failed_s(world), "failed", code)
        return [failed, Step(failed.after_s + _delivered_s(world), "delivered", priced=True)]
    if code and outcome is not MessageOutcome.FAILED_AFTER_DELIVERED:
        return [Step(_failed_s(world), "failed", code)]
    steps = [Step(sent, "sent", priced=True)]
    arrival = sent + _delivered_s(world)
    ttl = message.template.ttl_s if message.template is not None else None
    if outcome is MessageOutcome.NEVER or (ttl is not None and arrival > ttl):
        return steps
    if outcome is not MessageOutcome.READ_ONLY:
        steps.append(Step(arrival, "delivered", priced=True))
    if outcome is MessageOutcome.FAILED_AFTER_DELIVERED:
        steps.append(Step(arrival + _failed_s(world), "failed", code))
    if outcome in (MessageOutcome.READ, MessageOutcome.READ_ONLY):
        steps += _steps_after_reading(world, arrival, priced=outcome is MessageOutcome.READ_ONLY)
    return steps


def _steps_after_reading(world: World, arrival: float, *, priced: bool) -> list[Step]:
    """The person reads the message; a few reply or opt out."""
    settings = world.settings
    p50, p95, longest = settings.read_p50_s, settings.read_p95_s, settings.read_max_s
    taken = draw(world.random, p50, p95, longest=longest)
    read = arrival + taken * settings.time_scale
    steps = [Step(read, "read", priced=priced)]
    left = world.random.random()
    for status, share in (
        ("stop_word", settings.stop_word_share),
        ("native_stop", settings.native_stop_share),
        ("reply", settings.reply_share),
    ):
        if left < share:
            return [*steps, Step(read + 5.0 * settings.time_scale, status)]
        left -= share
    return steps


def _sent_s(world: World) -> float:
    settings = world.settings
    return settings.time_scale * draw(world.random, settings.sent_p50_s, settings.sent_p95_s)


def _failed_s(world: World) -> float:
    settings = world.settings
    return settings.time_scale * draw(world.random, settings.failed_p50_s, settings.failed_p95_s)


def _delivered_s(world: World) -> float:
    level = world.random.random()
    return world.settings.time_scale * by_quantiles(world.settings.delivered_quantiles, level)
