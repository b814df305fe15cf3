"""The rules for a content: what Meta refuses, and what would go out wrong."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta

from distribution.content import template_schema
from distribution.content.rendering import BREAKS, PLACEHOLDER, WIDE_GAPS
from distribution.content.template_schema import BODY, BUTTON, HEADER, Slot, TemplateForm
from distribution.models import Content, TemplateStatus
from distribution.runtime import india_time
from subscribers.models import Subscriber

LONGEST_VALUE = 100  # characters a personal value is reckoned with: a name may have so many
ALWAYS_KNOWN = ("name", "tier")
MEDIA_LIFE = timedelta(days=30)  # Meta forgets an uploaded file after this
LOOKED_AT = 1000  # subscribers whose attributes tell which names there are
HOPELESS = {TemplateStatus.REJECTED, TemplateStatus.DISABLED, TemplateStatus.OTHER}


def findings(content: Content) -> list[str]:
    """Everything that keeps a content from being submitted, one sentence each."""
    template = content.message_template
    form = template_schema.read(template.components)
    found = []
    if template.status in HOPELESS:
        found.append(f"Meta has the message template as {template.status}: choose another one.")
    if form.known:
        wrong = problems(form, texts_of(content, form), known_attributes())
        labels = {slot.key: slot.label for slot in form.slots}
        found += [f"{labels[key]}: {fault}" for key, faults in wrong.items() for fault in faults]
        found += _media_findings(content, form)
    return found


def texts_of(content: Content, form: TemplateForm) -> dict[str, str]:
    """The texts that a content has for the template's slots, by their keys."""
    body = dict(enumerate(content.body_variables))
    header = content.media.get("text", "") if content.media.get("type") == "text" else ""
    found = {}
    for slot in form.slots:
        stored = {
            BODY: body.get(slot.place, ""),
            HEADER: header,
            BUTTON: content.button_variables.get(str(slot.place), ""),
        }
        found[slot.key] = str(stored[slot.part])
    return found


def known_attributes() -> list[str]:
    """The names under which subscribers have something of their own, such as a city."""
    people = Subscriber.objects.eligible().order_by("-pk").values_list("attributes", flat=True)
    return sorted({name for attributes in people[:LOOKED_AT] for name in attributes})


def media_expires(content: Content) -> date | None:
    """The first day on which Meta does not know the uploaded file any more."""
    uploaded = content.media.get("uploaded_at")
    if not uploaded:
        return None
    return india_time.local_date(datetime.fromisoformat(uploaded)) + MEDIA_LIFE


def _media_findings(content: Content, form: TemplateForm) -> list[str]:
    kind = form.header.lower()
    if not form.needs_media:
        return []
    if content.media.get("type") != kind:
        return [f"Upload the {kind} that stands above the text."]
    expires = media_expires(content)
    if expires and content.day and content.day >= expires:
        return [f"Meta keeps the {kind} until {expires:%d %b %Y} only: upload it nearer the day."]
    return []


def reckoned_length(text: str) -> int:
    """How long a text may become with the longest personal values."""
    places = len(PLACEHOLDER.findall(text))
    return len(PLACEHOLDER.sub("", text)) + places * LONGEST_VALUE


def problems(
    form: TemplateForm, texts: Mapping[str, str], known: Collection[str]
) -> dict[str, list[str]]:
    """What is wrong with the texts by the slot's key; nothing when all of them may go out.

    `known` are the subscribers' attributes that a text may name, beside `{name}` and `{tier}`.
    """
    names = {*ALWAYS_KNOWN, *known}
    found: dict[str, list[str]] = {}
    for slot in form.slots:
        faults = _faults(slot, texts.get(slot.key, ""), names)
        if faults:
            found[slot.key] = faults
    for part in dict.fromkeys(slot.part for slot in form.slots):
        _measure(form.of(part), texts, found)
    return found


def _faults(slot: Slot, text: str, names: Collection[str]) -> list[str]:
    if not text.strip():
        return ["Fill this in: Meta refuses an empty variable."]
    faults = []
    if BREAKS.search(text):
        faults.append("Write it in one line: Meta refuses line breaks and tabs in a variable.")
    if WIDE_GAPS.search(text):
        faults.append("Leave at most four spaces in a row: Meta refuses more.")
    if slot.part == BUTTON and re.search(r"\s", text.strip()):
        faults.append("An address has no spaces.")
    unknown = [name for name in dict.fromkeys(PLACEHOLDER.findall(text)) if name not in names]
    if unknown:
        shown = ", ".join(f"{{{name}}}" for name in unknown)
        offer = ", ".join(f"{{{name}}}" for name in sorted(names))
        faults.append(f"Nobody has {shown}. You may use {offer}.")
    if set("{}") & set(PLACEHOLDER.sub("", text)):
        faults.append("A brace stands alone: write {name}, with letters, digits and _ only.")
    return faults


def _measure(
    slots: tuple[Slot, ...], texts: Mapping[str, str], found: dict[str, list[str]]
) -> None:
    """The slots of the body share its room; a headline has one slot, a button its own."""
    groups = [slots] if slots[0].part == BODY else [(slot,) for slot in slots]
    for group in groups:
        longest = max(group, key=lambda slot: len(texts.get(slot.key, "")))
        length = sum(
            reckoned_length(texts.get(slot.key, "").strip()) * slot.times for slot in group
        )
        if length > group[0].room:
            found.setdefault(longest.key, []).append(
                f"Too long by {length - group[0].room}: up to {length} characters with long "
                f"names, and the message template leaves {group[0].room}."
            )
