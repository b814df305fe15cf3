"""A content as its recipient sees it: WhatsApp's bubble with one subscriber's values.

The texts come from the functions that the sending path uses; only the HTML is made here.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from distribution.cached.table_cache import TableCache
from distribution.content import rendering, template_schema, validation
from distribution.content.template_schema import (
    BODY,
    BUTTON,
    HEADER,
    VARIABLE,
    Slot,
    TemplateSchema,
)
from distribution.models import Content, MessageTemplate
from subscribers.details import placeholders
from subscribers.models import Subscriber

SAMPLE = {"name": "Asha Rao", "tier": "BASIC"}  # if there is no subscriber to show
MARKUP_TAGS = {"*": "strong", "_": "em", "~": "s"}
# As in WhatsApp: the mark touches the text inside, and no letter precedes or follows it. A pattern
# for both ends would look for the second anew from each first, in quadratic time.
OPENING = re.compile(r"(?<![\w*~])[*_~](?=\S)")
CLOSING = re.compile(r"(?<=\S)[*_~](?![\w*~])")
MONOSPACE = re.compile(r"```([^`]+)```")
drawn: TableCache[Bubble] = TableCache(
    "CACHE_CONTENT_SECONDS", "distribution_content", "distribution_messagetemplate"
)


@dataclass(frozen=True, slots=True)
class Bubble:
    """One message, ready for display."""

    language: str
    template: str
    header: str  # TEXT, IMAGE, VIDEO, DOCUMENT or empty
    header_text: str
    file: str  # the name of the file in the header
    body: SafeString
    footer: str
    buttons: tuple[tuple[str, str], ...]  # text and address
    length: int  # characters of the body
    limit: int
    empty: tuple[str, ...]  # placeholders for which the subscriber has no value


def language_versions(template: MessageTemplate) -> dict[str, MessageTemplate]:
    """The same message template in its languages."""
    rows = MessageTemplate.objects.filter(name=template.name).order_by("language")
    return {row.language: row for row in rows}


def bubble(content: Content, person: Subscriber | None) -> Bubble:
    """A stored content as this subscriber would see it."""
    schema = template_schema.parse(content.message_template.components)
    file = str(content.media.get("filename", ""))
    texts = validation.texts_of(content, schema)
    return draw(content.message_template, schema, texts, person, file=file)


def kept_bubble(content: Content, person: Subscriber | None) -> Bubble:
    """The same for pages, drawn once for people with the same values."""
    known = rendering.personal_values(person) if person else SAMPLE
    stored = Content.objects.select_related("message_template")
    key = (content.pk, tuple(sorted(known.items())))
    return drawn.get(key, lambda: bubble(stored.get(pk=content.pk), person))


def draw(
    template: MessageTemplate,
    schema: TemplateSchema,
    texts: Mapping[str, str],
    person: Subscriber | None,
    *,
    file: str = "",
) -> Bubble:
    """The message with these texts in its slots; an empty slot shows its label."""
    known = rendering.personal_values(person) if person else SAMPLE
    filled = {slot.key: _slot_text(slot, texts, known) for slot in schema.slots}
    body = _substitute(schema.body, schema.of(BODY), filled)
    named = placeholders.names_in(" ".join(texts.get(s.key, "") for s in schema.slots))
    return Bubble(
        language=template.language,
        template=template.name,
        header=schema.header,
        header_text=_substitute(schema.header_text, schema.of(HEADER), filled),
        file=file,
        body=to_html(body or "Meta has not told us the words of this message template yet."),
        footer=schema.footer,
        buttons=tuple(
            (button.text, VARIABLE.sub(filled.get(f"button-{place}", ""), button.url))
            for place, button in enumerate(schema.buttons)
        ),
        length=len(body),
        limit=template_schema.BODY_LIMIT,
        empty=tuple(name for name in dict.fromkeys(named) if not str(known.get(name, "")).strip()),
    )


def to_html(text: str) -> SafeString:
    """WhatsApp's own markup (*bold*, _italic_, ~struck~, ```mono```) as HTML; the rest escaped."""
    html = str(escape(text))
    html = MONOSPACE.sub(r"<code>\1</code>", html)
    for _ in MARKUP_TAGS:  # one inside the other, each kind once
        html = "\n".join(map(_marked_up, html.split("\n")))
    return mark_safe(html.replace("\n", "<br>"))  # noqa: S308 - escaped above


def _marked_up(line: str) -> str:
    """A line with tags instead of each mark that is closed in it."""
    ends: dict[str, list[int]] = {mark: [] for mark in MARKUP_TAGS}
    for closing in CLOSING.finditer(line):
        ends[closing[0]].append(closing.start())
    done, pieces = 0, []
    for opening in OPENING.finditer(line):
        start, later = opening.start(), ends[opening[0]]
        place = bisect_left(later, start + 2)  # something is inside
        if start < done or place == len(later):
            continue
        end, tag = later[place], MARKUP_TAGS[opening[0]]
        pieces += [line[done:start], f"<{tag}>{line[start + 1 : end]}</{tag}>"]
        done = end + 1
    return "".join(pieces) + line[done:]


def _slot_text(slot: Slot, texts: Mapping[str, str], known: Mapping[str, object]) -> str:
    text = texts.get(slot.key, "")
    if not text.strip():
        return f"[{slot.label}]"
    fill = rendering.fill_address if slot.part == BUTTON else rendering.fill_in
    return fill(text, known)


def _substitute(text: str, slots: tuple[Slot, ...], filled: Mapping[str, str]) -> str:
    by_name = {slot.name: filled[slot.key] for slot in slots}
    return VARIABLE.sub(lambda found: by_name.get(found[1], found[0]), text)
