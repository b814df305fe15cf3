"""What a content will cost, and the risk that Meta files it in a dearer category.

Shown while it is written and reviewed; approving one that is too dear needs a reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from distribution.cached import audience as kept_audience
from distribution.content import template_schema, validation
from distribution.content.template_schema import BUTTON, TemplateSchema
from distribution.cost import audience, rates
from distribution.cost.category_risk import Level, Passage, Risk, assess
from distribution.cost.charging import DEFAULT_CURRENCY
from distribution.cost.estimate import Estimate, People, estimate
from distribution.cost.figures import RUPEES, exact, limit_per_message, with_tax
from distribution.models import Content, MessageTemplate
from distribution.runtime.money import money
from phonepool.models import NumberState, Waba

UTILITY, MARKETING = "UTILITY", "MARKETING"
FINDINGS_TOLD = 3


@dataclass(frozen=True, slots=True)
class Outlook:
    """The estimates of a content, one for each currency of the accounts that can send it."""

    estimates: tuple[Estimate, ...]
    as_marketing: tuple[Estimate, ...]  # of a utility template: if Meta re-files it
    risk: Risk | None  # None: it is no utility template, so there is nothing to lose

    @property
    def lines(self) -> list[str]:
        """Each estimate in words, then why prices are missing."""
        shown = [_line(one) for one in self.estimates if one.per_message is not None]
        return shown + [reason for one in self.estimates for reason in one.reasons]

    @property
    def price_of_risk(self) -> list[str]:
        """What a morning costs now and as marketing: ₹230.00 → ₹1,726.20 a morning."""
        return [
            _("%(now)s → %(then)s a morning if Meta files it as marketing")
            % {"now": money(now.amount, now.currency), "then": money(then.amount, then.currency)}
            for now, then in zip(self.estimates, self.as_marketing, strict=False)
            if now.amount and then.amount
        ]

    @property
    def over_limit(self) -> str:
        """Why approving it needs a reason; empty: it does not."""
        limit = limit_per_message()
        for one in self.estimates:
            if one.currency == RUPEES and (one.per_message or 0) > limit:
                return _("A message costs %(price)s, more than %(limit)s.") % {
                    "price": money(one.per_message or limit, RUPEES),
                    "limit": money(limit, RUPEES),
                }
        return ""


def of_content(content: Content, *, today: date) -> Outlook:
    """The outlook of a stored content on its day; that of a fallback for today."""
    template = content.message_template
    schema = template_schema.parse(template.components)
    texts = validation.texts_of(content, schema)
    return of_texts(template, schema, texts, on=content.day or today)


def of_texts(
    template: MessageTemplate, schema: TemplateSchema, texts: Mapping[str, str], *, on: date
) -> Outlook:
    """The outlook of texts in the slots of a message template."""
    people = kept_audience.by_market()
    estimates = estimates_of(template.category, people, on=on)
    if template.category != UTILITY:
        return Outlook(estimates, (), None)
    as_marketing = estimates_of(MARKETING, people, on=on)
    return Outlook(estimates, as_marketing, assess(passages(schema, texts)))


def estimates_of(category: str, people: list[People], *, on: date) -> tuple[Estimate, ...]:
    """The estimates by currency, rupees first; without people that of one, in India."""
    book, found = rates.book(), []
    for currency in _currencies():
        one = estimate(people, category=category, currency=currency, on=on, book=book)
        if not people:
            sample = [audience.HOME]
            one = estimate(sample, category=category, currency=currency, on=on, book=book)
            one = replace(one, by_tier={})
        found.append(one)
    return tuple(found)


def reason_needed(content: Content, *, late: bool, today: date) -> str:
    """Why approving it needs a reason; empty: it does not."""
    if late:
        return _("The deadline has passed. Give a reason for approving late.")
    category, on = content.message_template.category, content.day or today
    dear = Outlook(estimates_of(category, audience.people(), on=on), (), None).over_limit
    return f"{dear} {_('Give a reason for approving it.')}" if dear else ""


def above_limit(content: Content, *, today: date) -> dict[str, Any] | None:
    """The estimate of a content whose message costs more than the limit; None: it does not."""
    category, on = content.message_template.category, content.day or today
    for one in estimates_of(category, audience.people(), on=on):
        each = one.per_message
        if one.currency == RUPEES and each is not None and each > limit_per_message():
            return {
                "currency": one.currency,
                "amount": exact(one.amount),
                "people": one.people,
                "per_message": exact(each),
                "limit_per_message": exact(limit_per_message()),
            }
    return None


def so_far(category: str, delivered: int, *, on: date) -> str:
    """What a running distribution has cost about, at the day's price of most phones; its exact cost
    is summed after it ends. Empty: nothing was delivered, or no price is known."""
    [home, *_others] = estimates_of(category, [], on=on)
    each = home.per_message
    if not delivered or each is None:
        return ""
    return _(
        "about %(amount)s so far: %(delivered)s delivered messages at %(each)s, if all are charged"
    ) % {
        "amount": money(each * delivered, home.currency),
        "delivered": f"{delivered:,}",
        "each": money(each, home.currency),
    }


def change_words(before: str, after: str, *, on: date) -> str:
    """What another category costs a morning, in a sentence; empty if a price is missing."""
    people = audience.people()
    pairs = zip(
        estimates_of(before, people, on=on), estimates_of(after, people, on=on), strict=True
    )
    parts = [
        f"{money(then.amount, then.currency)} → {money(now.amount, now.currency)}"
        for then, now in pairs
        if then.amount and now.amount and then.amount != now.amount
    ]
    return _("A morning: %(parts)s.") % {"parts": "; ".join(parts)} if parts else ""


def warning(content: Content, *, today: date) -> str:
    """What to say when it is submitted: its price or its risk; empty: neither is worth a word."""
    found = of_content(content, today=today)
    if found.over_limit:
        return found.over_limit + " " + _("Approving it needs a reason.")
    if found.risk is None or found.risk.level is Level.LOW:
        return ""
    words = ", ".join(f"“{one.words}”" for one in found.risk.findings[:FINDINGS_TOLD])
    price = "; ".join(found.price_of_risk)
    return _("Meta might file this as marketing because of %(words)s. %(price)s") % {
        "words": words,
        "price": price + "." if price else "",
    }


def passages(schema: TemplateSchema, texts: Mapping[str, str]) -> list[Passage]:
    """Every text of the message with its place."""
    wording = _("Meta's wording")
    fixed = [
        Passage(wording, text) for text in (schema.header_text, schema.body, schema.footer) if text
    ]
    buttons = [
        Passage(_("Button %(number)s") % {"number": place + 1}, button.text, is_button=True)
        for place, button in enumerate(schema.buttons)
    ]
    filled = [
        Passage(slot.label, texts.get(slot.key, ""))
        for slot in schema.slots
        if slot.part != BUTTON and texts.get(slot.key)
    ]
    return [*fixed, *filled, *buttons]


def _line(one: Estimate) -> str:
    return _(
        "%(amount)s a morning for %(people)s people, at most: %(each)s per message, "
        "%(taxed)s with GST"
    ) % {
        "amount": money(one.amount, one.currency),
        "people": f"{one.people - one.unpriced:,}",
        "each": money(one.per_message or one.amount, one.currency),
        "taxed": money(with_tax(one.amount), one.currency),
    }


def _currencies() -> list[str]:
    """Of the accounts that have numbers in use."""
    used = Waba.objects.exclude(numbers__isnull=True).exclude(numbers__state=NumberState.DISABLED)
    known = {currency or DEFAULT_CURRENCY for currency in used.values_list("currency", flat=True)}
    found = known or {DEFAULT_CURRENCY}
    return sorted(found, key=lambda currency: (currency != RUPEES, currency))
