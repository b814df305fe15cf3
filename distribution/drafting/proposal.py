"""A better version of a message template by rules. Pure and deterministic.

From the components in use and what is known of people's reactions to new components, with exactly
one reason for each change. It takes the same values as before, so that it fits the same contents
and the same rotation group. A rule whose result Meta would refuse is left out.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from distribution.content import template_schema
from distribution.drafting import lint, texts
from distribution.drafting.rewriting import REWRITES, STOP, phrases_of
from distribution.drafting.texts import BODY, BUTTON, HEADER, QUICK_REPLY, Texts
from distribution.models import MessageTemplate
from distribution.quality import signature

OFFENSIVE = "OFFENSIVE_MESSAGES"
NO_SIGN_UP = ("NO_SIGN_UP", "OTP_DID_NOT_REQUEST")
NO_LONGER_NEEDED = "NO_LONGER_NEEDED"
LONGEST = 4096  # characters of a part; Meta's limit is a quarter of that
CHANGED = "changed"  # a rule about what Meta took once and refuses in a new template
ANY_NAME = "x"  # the lint is about the words here


@dataclass(frozen=True, slots=True)
class Signals:
    """What is known of how people take the template in use."""

    top_reason: str = ""  # why people block it, in Meta's word; empty: not known
    blocked: bool = False  # the lower bound of its block rate exceeds 1%, or Meta rates it lower
    stops: int = 0  # people who stopped after it, in the window of the rate
    reads_dropped: bool = False
    evidence: str = ""  # the same in a sentence


@dataclass(frozen=True, slots=True)
class Rule:
    """A line of the table."""

    name: str
    parts: tuple[str, ...]
    when: str
    reason: str


@dataclass(frozen=True, slots=True)
class Change:
    """What one rule did to one part, and why."""

    rule: str
    part: str
    before: str
    after: str
    reason: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """`changes` is empty where nothing can be improved; `refusal` says why only a person can."""

    components: list[dict[str, Any]]
    changes: tuple[Change, ...] = ()
    refusal: str = ""


WHEN: Mapping[str, Callable[[Signals], bool]] = {
    "always": lambda _: True,
    "reads": lambda one: one.reads_dropped,
    "no_sign_up": lambda one: one.top_reason in NO_SIGN_UP,
    "stops": lambda one: one.blocked or one.stops > 0 or one.top_reason == NO_LONGER_NEEDED,
}


def propose(template: MessageTemplate, signals: Signals) -> Proposal:
    """The better version of a template."""
    components = [dict(item) for item in template.components]
    if signals.top_reason == OFFENSIVE:
        refusal = _(
            "People block it as offensive. No rule can help with that: write a new version by hand."
        )
        return Proposal(components, refusal=refusal)
    found = texts.of(components)
    if any(len(text) > LONGEST for _part, text in found.parts()):
        return Proposal(components, refusal=_("The text is longer than Meta allows."))
    changes: list[Change] = []
    for rule in RULES:
        applies = bool(changes) if rule.when == CHANGED else WHEN[rule.when](signals)
        for change in _changes(rule, found, template) if applies else ():
            found = found.with_part(change.part, change.after)
            changes.append(change)
    if not changes:
        return Proposal(components)
    return Proposal(texts.put_into(components, found), tuple(changes))


def fits(template: MessageTemplate, components: object) -> bool:
    """Whether these components take the values of the template, in the same places."""
    other = MessageTemplate(
        language=template.language, category=template.category, components=components
    )
    return signature.of(other) == signature.of(template)


def _changes(rule: Rule, found: Texts, template: MessageTemplate) -> Iterator[Change]:
    phrases = phrases_of(template.language)
    for part in _parts(rule, found, template):
        before = dict(found.parts()).get(part, "")
        after, words = REWRITES[rule.name](before, phrases)
        if after == before or (part in (HEADER, BODY) and not after.strip()):
            continue
        changed = found.with_part(part, after)
        if _harms(template, found, changed):
            continue
        found = changed
        yield Change(rule.name, part, before, after, _(rule.reason) % {"found": words})


def _parts(rule: Rule, found: Texts, template: MessageTemplate) -> list[str]:
    """The parts to which a rule applies; a Stop button is a new one, after the last."""
    if rule.name == "stop_button":
        place = _place_of_stop(template)
        return [] if place is None else [f"{BUTTON}{place}"]
    if rule.parts == ("buttons",):
        return [f"{BUTTON}{place}" for place in range(len(found.buttons))]
    present = dict(found.parts())
    return [part for part in rule.parts if present[part] or rule.name == "stop_footer"]


def _place_of_stop(template: MessageTemplate) -> int | None:
    """Meta wants quick replies side by side: a new one goes last, if none stands further ahead."""
    buttons = template_schema.parse(template.components).buttons
    if any(STOP.search(button.text) for button in buttons):
        return None
    kinds = [button.kind for button in buttons]
    apart = QUICK_REPLY in kinds and kinds[-1] != QUICK_REPLY
    return None if apart or len(kinds) >= lint.MOST_BUTTONS else len(kinds)


def _harms(template: MessageTemplate, before: Texts, after: Texts) -> bool:
    """Whether Meta would object to what it did not object to before, or other values be needed."""
    old = texts.put_into(template.components, before)
    new = texts.put_into(template.components, after)
    known = _kinds(template, old)
    return bool(_kinds(template, new) - known) or not fits(template, new)


def _kinds(template: MessageTemplate, components: object) -> set[tuple[str, str]]:
    found = lint.problems(ANY_NAME, template.category, components)
    return {(problem.kind, problem.part) for problem in found}


def _read() -> tuple[Rule, ...]:
    table = Path(__file__).with_name("rules.csv").read_text("utf-8").splitlines()
    return tuple(
        Rule(row["rule"], tuple(row["parts"].split()), row["when"], row["reason"])
        for row in csv.DictReader(table)
    )


RULES = _read()
