"""A content as its reader will see it: WhatsApp's bubble with one person's values.

Everything shown comes from the functions that the morning uses; only the markup is ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Count, Min
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from distribution.content import rendering, template_schema, validation
from distribution.content.template_schema import BODY, HEADER, VARIABLE, Slot, TemplateForm
from distribution.models import Content, MessageTemplate
from subscribers.models import Subscriber

SAMPLE = {"name": "Asha Rao", "tier": "BASIC"}  # while there is no subscriber to show
MARKS = {"*": "strong", "_": "em", "~": "s"}
# As WhatsApp reads them: the mark touches the words, and no letter stands beside it.
MARKED = re.compile(r"(?<![\w*~])([*_~])(?=\S)([^\n]*?\S)\1(?![\w*~])")
MONO = re.compile(r"```([^`]+)```")


@dataclass(frozen=True, slots=True)
class Bubble:
    """One message, ready to be shown."""

    language: str
    template: str
    header: str  # TEXT, IMAGE, VIDEO, DOCUMENT or empty
    header_text: str
    file: str  # the name of the file above the text
    body: SafeString
    footer: str
    buttons: tuple[tuple[str, str], ...]  # text and address
    length: int  # characters of the body
    limit: int
    empty: tuple[str, ...]  # the person's values that are named and missing


@dataclass(frozen=True, slots=True)
class Audience:
    """The active subscribers of one language, and one of them to show."""

    language: str
    people: int
    first: int  # a subscriber's key


def audiences() -> list[Audience]:
    """The languages of those who will get it, the largest first. One query."""
    rows = Subscriber.objects.eligible().values("language")
    counted = rows.annotate(people=Count("pk"), first=Min("pk")).order_by("-people", "language")
    return [Audience(row["language"], row["people"], row["first"]) for row in counted]


def siblings(template: MessageTemplate) -> dict[str, MessageTemplate]:
    """The same message template in its languages."""
    rows = MessageTemplate.objects.filter(name=template.name).order_by("language")
    return {row.language: row for row in rows}


def bubble(content: Content, person: Subscriber | None) -> Bubble:
    """What this person would see of a stored content."""
    form = template_schema.read(content.message_template.components)
    file = str(content.media.get("filename", ""))
    texts = validation.texts_of(content, form)
    return draw(content.message_template, form, texts, person, file=file)


def draw(
    template: MessageTemplate,
    form: TemplateForm,
    texts: Mapping[str, str],
    person: Subscriber | None,
    *,
    file: str = "",
) -> Bubble:
    """What this person would see if the slots had these texts; an empty slot shows its name."""
    known = rendering.personal_values(person) if person else SAMPLE
    filled = {slot.key: _filled(slot, texts, known) for slot in form.slots}
    body = _put(form.body, form.of(BODY), filled)
    named = rendering.PLACEHOLDER.findall(" ".join(texts.get(s.key, "") for s in form.slots))
    return Bubble(
        language=template.language,
        template=template.name,
        header=form.header,
        header_text=_put(form.header_text, form.of(HEADER), filled),
        file=file,
        body=rich(body or "Meta has not told us the words of this message template yet."),
        footer=form.footer,
        buttons=tuple(
            (button.text, VARIABLE.sub(filled.get(f"button-{place}", ""), button.url))
            for place, button in enumerate(form.buttons)
        ),
        length=len(body),
        limit=template_schema.BODY_LIMIT,
        empty=tuple(name for name in dict.fromkeys(named) if not str(known.get(name, "")).strip()),
    )


def rich(text: str) -> SafeString:
    """WhatsApp's own markup (*bold*, _italic_, ~struck~, ```mono```) as HTML; the rest escaped."""
    html = str(escape(text))
    html = MONO.sub(r"<code>\1</code>", html)
    for _ in MARKS:  # one inside the other, each kind once
        html = MARKED.sub(lambda m: f"<{MARKS[m[1]]}>{m[2]}</{MARKS[m[1]]}>", html)
    return mark_safe(html.replace("\n", "<br>"))  # noqa: S308 - escaped above


def _filled(slot: Slot, texts: Mapping[str, str], known: Mapping[str, object]) -> str:
    text = texts.get(slot.key, "")
    return rendering.fill_in(text, known) if text.strip() else f"[{slot.label}]"


def _put(text: str, slots: tuple[Slot, ...], filled: Mapping[str, str]) -> str:
    by_name = {slot.name: filled[slot.key] for slot in slots}
    return VARIABLE.sub(lambda found: by_name.get(found[1], found[0]), text)
