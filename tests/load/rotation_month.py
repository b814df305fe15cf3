"""Thirty mornings of a rotation group against the sandbox's people, without its server: a template
that people like, the same after its wording began to annoy, and what the rules make of it.

    python -m tests.load.rotation_month --seed 1 [--withhold]

2,000 people; from the 15th morning on 4% of those reached block the primary. With `--withhold` Meta
rates no template, so that only the blocks that Daybreak counts itself, and Meta's comparison, tell.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import django
from django.apps import apps

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
if not apps.ready:
    django.setup()

from distribution.ledger.template_shares import place
from distribution.quality import rules
from distribution.quality.rules import Action, Candidate, Counts, Decision, Past
from distribution.quality.sent_templates import warm_share
from distribution.quality.signals import SILENT_MORNINGS, USUAL_MORNINGS, USUAL_WINDOW
from phonepool.cloud_api import comparison
from sandbox.formats.errors import Refusal
from sandbox.graph import comparison as metas
from sandbox.templates.message_template import MessageTemplate
from sandbox.webhooks.reacting import react
from sandbox.webhooks.timeline import Message, choose_outcome, steps_for
from sandbox.world import ratings
from sandbox.world.clock import Clock
from sandbox.world.options import Options
from sandbox.world.world import World

FIRST = datetime(2026, 11, 1, 0, 30, tzinfo=UTC)  # 06:00 in India
PEOPLE, MORNINGS, HARM_FROM = 2_000, 30, 15
HARM, USUAL = 0.04, 0.0005
WEEK_S = 7 * 86_400
STOPS = ("stop_word", "native_stop")


class SetClock(Clock):
    """A clock that the month sets."""

    at = FIRST

    def now(self) -> float:
        return self.at.timestamp()


@dataclass
class Month:
    """The people, what was counted of them, and the group's state."""

    world: World
    templates: dict[int, MessageTemplate]  # by the key that the rules use
    withhold: bool
    in_use: int = 1
    past: Past | None = None
    rows: dict[int, dict[date, Counts]] = field(default_factory=lambda: {1: {}, 2: {}})
    left: set[int] = field(default_factory=lambda: set(range(PEOPLE)))
    reached: dict[int, list[tuple[date, int]]] = field(default_factory=dict)  # with which template
    silent: Counter[int] = field(default_factory=Counter)  # mornings running


def a_month(seed: int, *, withhold: bool) -> Month:
    settings = {"quality_window_s": WEEK_S, "native_stop_share": 0, "stop_word_share": 0.0002}
    options = Options("realistic", seed, settings, "t", "s", "v", "900", "", "", templates=())
    clock = SetClock()
    world = World(options, clock)
    body = [{"type": "BODY", "text": "Good morning. {{1}}. Today: {{2}} and more."}]
    named = {
        key: world.create_template(world.first_waba, name, "en", "UTILITY", body)
        for key, name in ((1, "note"), (2, "note_b"))
    }
    for template in named.values():
        template.block_share, template.block_reason = USUAL, "NO_SIGN_UP"
    return Month(world, named, withhold)


def a_morning(month: Month, number: int) -> Decision:
    """Send, count, ask Meta, decide; as the evening's task does."""
    world, at = month.world, FIRST + timedelta(days=number)
    assert isinstance(world.clock, SetClock)
    world.clock.at = at
    # What a rule replaced rests: only a standby gets its share of the mornings.
    today, per_mille = at.date(), 0 if month.past else warm_share(len(month.left))
    audience, counts = len(month.left), {key: Counts(today) for key in (1, 2)}
    for person in sorted(month.left):
        is_warm = place(person, today.toordinal()) < per_mille
        key = 3 - month.in_use if is_warm else month.in_use
        counts[key] = _send(month, counts[key], person, key, at)
    for key, row in counts.items():
        if row.delivered:
            month.rows[key][today] = replace(row, audience=audience)
    world.clock.at = at + timedelta(hours=14)
    return _decide(month, today)


def _send(month: Month, row: Counts, person: int, key: int, at: datetime) -> Counts:
    world, phone = month.world, f"9198{person:08}"
    sender = next(iter(world.numbers.values()))
    template = month.templates[key]
    message = Message("w", sender, phone, phone, "", "UTILITY", at.timestamp(), template)
    outcome = choose_outcome(world, message, at.timestamp())
    statuses = {step.status for step in react(world, message, steps_for(world, message, outcome))}
    if not statuses & {"delivered", "read"}:
        return _went_silent(month, row, person)
    month.silent[person] = 0
    month.reached.setdefault(person, []).append((row.day, key))
    stopped = bool(statuses & set(STOPS))
    if stopped:
        month.left.discard(person)
    read = row.read + ("read" in statuses)
    return replace(row, delivered=row.delivered + 1, read=read, hard=row.hard + stopped)


def _went_silent(month: Month, row: Counts, person: int) -> Counts:
    """The third silent morning of somebody usually reached counts for the last one that did."""
    month.silent[person] += 1
    history = month.reached.get(person, [])
    if month.silent[person] == SILENT_MORNINGS and history:
        day, key = history[-1]
        since = day - timedelta(days=USUAL_WINDOW - 1)
        if sum(one >= since for one, _ in history) >= USUAL_MORNINGS:
            then = month.rows[key][day]
            month.rows[key][day] = replace(then, soft=then.soft + 1)
    return row


def _decide(month: Month, today: date) -> Decision:
    other, told = 3 - month.in_use, _metas_order(month)
    candidates = {
        key: Candidate(key, _colour(month, key), [rows[day] for day in sorted(rows)])
        for key, rows in month.rows.items()
    }
    ids = {key: template.id for key, template in month.templates.items()}
    if told:
        worse = told[-1] == ids[other]
        candidates[other] = replace(candidates[other], blocked_more=worse, compared_on=today)
    found = rules.decide(candidates[month.in_use], [candidates[other]], month.past, today=today)
    if found.action is Action.SWITCH:
        month.past, month.in_use = Past(today, month.in_use, on_trial=True), other
    return found


def _colour(month: Month, key: int) -> str:
    template = month.templates[key]
    if not month.withhold:
        template.quality = ratings.colour(month.world, template.id, template.quality)
    return template.quality


def _metas_order(month: Month) -> tuple[str, ...]:
    world, (one, other) = month.world, month.templates.values()
    query = comparison.query(other.id, 7, now=int(world.clock.now()))
    try:
        return comparison.parse(metas.answer(world, world.first_waba, one, query)).order
    except Refusal:
        return ()


def lines(seed: int, *, withhold: bool) -> Iterator[str]:
    month = a_month(seed, withhold=withhold)
    yield f"{'morning':>8}{'sent':>8}{'reached':>9}{'blocked ever':>14}  what happened"
    for number in range(MORNINGS):
        if number + 1 == HARM_FROM:
            month.templates[1].block_share = HARM
        used = month.in_use
        found = a_morning(month, number)
        row = month.rows[used][(FIRST + timedelta(days=number)).date()]
        blocked = sum(person.blocked for person in month.world.people.values())
        words = "" if found.action is Action.KEEP else f"{found.action} {found.cause or ''}"
        name = month.templates[used].name
        yield f"{number + 1:>8}{name:>8}{row.delivered:>9}{blocked:>14}  {words}".rstrip()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--withhold", action="store_true", help="Meta rates no template")
    given = parser.parse_args()
    print("\n".join(lines(given.seed, withhold=given.withhold)))
