"""What Meta would refuse about a message template that is to be created. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from django.utils.translation import gettext as _

from distribution.content import template_schema
from distribution.content.outlook import UTILITY, passages
from distribution.content.template_schema import BODY_LIMIT, FOOTER_LIMIT, HEADER_LIMIT
from distribution.cost import category_risk
from distribution.cost.category_risk import Level
from distribution.drafting import texts
from distribution.drafting.texts import BUTTON, Texts

NAME = re.compile(r"[a-z0-9_]{1,512}", re.ASCII)
BUTTON_TEXT_LIMIT, MOST_BUTTONS = 25, 10
WORDS_PER_VARIABLE = 3
LEADING = re.compile(r"\s*\{\{")
TRAILING = re.compile(r"\}\}\s*$")
ADJACENT = re.compile(r"\}\}\s*\{\{")
LIMITS = {texts.HEADER: HEADER_LIMIT, texts.BODY: BODY_LIMIT, texts.FOOTER: FOOTER_LIMIT}


class Problem(NamedTuple):
    """One thing that is wrong: what kind of thing it is, where, and a sentence."""

    kind: str
    part: str
    message: str


def problems(name: str, category: str, components: object) -> list[Problem]:
    """Everything that is wrong; empty: it can be created."""
    return list(_problems(name, category, components))


def _problems(name: str, category: str, components: object) -> Iterator[Problem]:
    if not NAME.fullmatch(name):
        message = _("The name may have small letters, digits and underscores, at most 512.")
        yield Problem("name", "", message)
    found = texts.of(components)
    yield from _lengths(found)
    yield from _variables(found)
    schema = template_schema.parse(components)
    for slot in schema.slots:
        if not slot.example:
            message = _("%(variable)s has no sample.") % {"variable": slot.label}
            yield Problem("sample", slot.key, message)
    risk = category_risk.assess(passages(schema, {}))
    if category == UTILITY and risk.level is Level.HIGH:
        words = ", ".join(f"“{one.words}”" for one in risk.findings[:3])
        message = _("Meta would file it as marketing because of %(words)s.") % {"words": words}
        yield Problem("category", "", message)


def _lengths(found: Texts) -> Iterator[Problem]:
    if not found.body.strip():
        yield Problem("empty", texts.BODY, _("The text is empty."))
    for part, text in found.parts():
        limit = LIMITS.get(part, BUTTON_TEXT_LIMIT)
        if len(text) > limit:
            message = _("%(part)s: at most %(limit)s characters; these are %(length)s.") % {
                "part": texts.label(part),
                "limit": limit,
                "length": len(text),
            }
            yield Problem("length", part, message)
        if part.startswith(BUTTON) and not text.strip():
            message = _("%(part)s has no text.") % {"part": texts.label(part)}
            yield Problem("empty", part, message)
    if len(found.buttons) > MOST_BUTTONS:
        message = _("A template has at most %(most)s buttons.") % {"most": MOST_BUTTONS}
        yield Problem("buttons", "", message)
    if texts.variables_in(found.footer):
        yield Problem("variable", texts.FOOTER, _("A footer can't have variables."))


def _variables(found: Texts) -> Iterator[Problem]:
    body = found.body
    if LEADING.match(body):
        yield Problem("leading", texts.BODY, _("The text may not begin with a variable."))
    if TRAILING.search(body):
        yield Problem("trailing", texts.BODY, _("The text may not end with a variable."))
    if ADJACENT.search(body):
        yield Problem("adjacent", texts.BODY, _("Two variables may not stand side by side."))
    variables = texts.variables_in(body)
    words = re.findall(r"[^\W_]+", template_schema.VARIABLE.sub(" ", body))
    if len(words) < WORDS_PER_VARIABLE * len(variables):
        message = _(
            "%(words)s words for %(variables)s variables are too few. Meta wants at least "
            "%(each)s for each."
        ) % {"words": len(words), "variables": len(variables), "each": WORDS_PER_VARIABLE}
        yield Problem("words", texts.BODY, message)
