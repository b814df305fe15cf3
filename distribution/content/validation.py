"""Validation of a content: what Meta refuses, and what would be sent wrong."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta

from distribution.content import template_schema
from distribution.content.rendering import CONTROL_CHARACTERS, PLACEHOLDER, WIDE_SPACES
from distribution.content.template_schema import BODY, BUTTON, HEADER, Slot, TemplateSchema
from distribution.models import Content, TemplateStatus
from distribution.runtime import india_time
from subscribers.models import Subscriber

ASSUMED_VALUE_LENGTH = 100  # characters; the longest name that a subscriber may have
ALWAYS_KNOWN = ("name", "tier")
MEDIA_LIFETIME = timedelta(days=30)  # Meta deletes an uploaded file after this
SAMPLED_SUBSCRIBERS = 1000  # of which the attribute names are collected
UNUSABLE_STATUSES = {TemplateStatus.REJECTED, TemplateStatus.DISABLED, TemplateStatus.OTHER}


def content_problems(content: Content) -> list[str]:
    """Everything that prevents submitting a content, one sentence each."""
    template = content.message_template
    schema = template_schema.parse(template.components)
    problems = []
    if template.status in UNUSABLE_STATUSES:
        problems.append(f"Meta has the message template as {template.status}: choose another one.")
    if schema.known:
        wrong = slot_problems(schema, texts_of(content, schema), attribute_names())
        labels = {slot.key: slot.label for slot in schema.slots}
        problems += [f"{labels[key]}: {fault}" for key, faults in wrong.items() for fault in faults]
        problems += _media_problems(content, schema)
    return problems


def texts_of(content: Content, schema: TemplateSchema) -> dict[str, str]:
    """The texts of a content by the keys of the template's slots."""
    body = dict(enumerate(content.body_variables))
    header = content.media.get("text", "") if content.media.get("type") == "text" else ""
    texts = {}
    for slot in schema.slots:
        stored = {
            BODY: body.get(slot.place, ""),
            HEADER: header,
            BUTTON: content.button_variables.get(str(slot.place), ""),
        }
        texts[slot.key] = str(stored[slot.part])
    return texts


def attribute_names() -> list[str]:
    """The attribute names of subscribers, such as `city`."""
    people = Subscriber.objects.eligible().order_by("-pk").values_list("attributes", flat=True)
    return sorted({name for attributes in people[:SAMPLED_SUBSCRIBERS] for name in attributes})


def media_expires(content: Content) -> date | None:
    """The first day on which Meta no longer has the uploaded file."""
    uploaded = content.media.get("uploaded_at")
    if not uploaded:
        return None
    return india_time.local_date(datetime.fromisoformat(uploaded)) + MEDIA_LIFETIME


def _media_problems(content: Content, schema: TemplateSchema) -> list[str]:
    kind = schema.header.lower()
    if not schema.needs_media:
        return []
    if content.media.get("type") != kind:
        return [f"Upload the {kind} that stands above the text."]
    expires = media_expires(content)
    if expires and content.day and content.day >= expires:
        return [f"Meta keeps the {kind} until {expires:%d %b %Y} only: upload it nearer the day."]
    return []


def longest_length(text: str) -> int:
    """The length of a text with the longest personal values, in characters."""
    places = len(PLACEHOLDER.findall(text))
    return len(PLACEHOLDER.sub("", text)) + places * ASSUMED_VALUE_LENGTH


def slot_problems(
    schema: TemplateSchema, texts: Mapping[str, str], known: Collection[str]
) -> dict[str, list[str]]:
    """What is wrong with the texts, by the slot's key; empty if all are valid.

    `known` are the attribute names that a text may use beside `{name}` and `{tier}`.
    """
    names = {*ALWAYS_KNOWN, *known}
    problems: dict[str, list[str]] = {}
    for slot in schema.slots:
        faults = _check_slot(slot, texts.get(slot.key, ""), names)
        if faults:
            problems[slot.key] = faults
    for part in dict.fromkeys(slot.part for slot in schema.slots):
        _check_lengths(schema.of(part), texts, problems)
    return problems


def _check_slot(slot: Slot, text: str, names: Collection[str]) -> list[str]:
    if not text.strip():
        return ["Fill this in: Meta refuses an empty variable."]
    faults = []
    if CONTROL_CHARACTERS.search(text):
        faults.append("Write it in one line: Meta refuses line breaks and tabs in a variable.")
    if WIDE_SPACES.search(text):
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


def _check_lengths(
    slots: tuple[Slot, ...], texts: Mapping[str, str], problems: dict[str, list[str]]
) -> None:
    """The slots of the body share its limit; a headline and a button have one slot each."""
    groups = [slots] if slots[0].part == BODY else [(slot,) for slot in slots]
    for group in groups:
        longest = max(group, key=lambda slot: len(texts.get(slot.key, "")))
        length = sum(longest_length(texts.get(slot.key, "").strip()) * slot.times for slot in group)
        if length > group[0].room:
            problems.setdefault(longest.key, []).append(
                f"Too long by {length - group[0].room}: up to {length} characters with long "
                f"names, and the message template leaves {group[0].room}."
            )
