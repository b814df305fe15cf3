"""Validation of a content: what Meta refuses, and what would be sent wrong."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches

from django.utils.translation import gettext as _

from distribution.content import media_copies, template_accounts, template_schema
from distribution.content.rendering import (
    ADDRESS_VALUE_LIMIT,
    CONTROL_CHARACTERS,
    WIDE_SPACES,
    encode_address,
)
from distribution.content.template_schema import BODY, BUTTON, HEADER, Slot, TemplateSchema
from distribution.models import (
    Content,
    DraftState,
    MessageTemplate,
    TemplateDraft,
    TemplateStatus,
)
from distribution.runtime import india_time
from subscribers.details import placeholders
from subscribers.details.placeholders import MAX_VALUE_LENGTH
from subscribers.models import Subscriber

ASSUMED_VALUE_LENGTH = MAX_VALUE_LENGTH  # characters; no longer value is stored or sent
ALWAYS_KNOWN = ("name", "tier")
SAMPLED_SUBSCRIBERS = 1000  # of which the attribute names are collected
AUTHENTICATION, UTILITY = "AUTHENTICATION", "UTILITY"  # Meta's categories
# The field of a slot in the API's body, by the slot's part; {} is its place.
FIELD = {BODY: "body_variables.{}", HEADER: "headline", BUTTON: "button_variables.{}"}
UNUSABLE_STATUSES = {TemplateStatus.REJECTED, TemplateStatus.DISABLED, TemplateStatus.OTHER}


@dataclass(frozen=True, slots=True)
class ContentProblem:
    """One thing that is wrong with a content: the field by its path in the API, and a sentence."""

    field: str
    message: str


def content_problems(content: Content) -> list[str]:
    """Everything that prevents submitting or approving a content, one sentence each."""
    return [problem.message for problem in find_problems(content)]


def find_problems(content: Content, day: date | None = None) -> list[ContentProblem]:
    """What Meta would refuse on that day, by default the content's own, or send wrongly."""
    template = content.message_template
    schema = template_schema.parse(template.components)
    problems = list(_template_problems(template, schema))
    if schema.known and not problems:
        problems += _slot_problems(content, schema)
        problems += surplus_problems(content, schema)
        problems += _media_problems(content, schema, day or content.day)
    return problems


def _template_problems(
    template: MessageTemplate, schema: TemplateSchema
) -> Iterator[ContentProblem]:
    """What makes a message template unusable for any content."""
    if template.status in UNUSABLE_STATUSES and not template_accounts.is_approved(template):
        yield ContentProblem(
            "message_template",
            _("The message template is %(status)s at Meta. Choose another one.")
            % {"status": template.status},
        )
    if template.category != UTILITY and _was_refused(template):
        yield ContentProblem(
            "message_template",
            _(
                "Meta filed this message template in another category than was asked for, so it is "
                "never sent. Choose another one."
            ),
        )
    if parts := unfillable_parts(template, schema):
        yield ContentProblem(
            "message_template",
            _("The message template has %(parts)s, which can't be filled in. Choose another one.")
            % {"parts": ", ".join(parts)},
        )


def _was_refused(template: MessageTemplate) -> bool:
    """Whether it is a draft that came back from Meta in the wrong category."""
    drafts = TemplateDraft.objects.filter(template=template.pk, state=DraftState.WRONG_CATEGORY)
    return drafts.exists()


def unfillable_parts(template: MessageTemplate, schema: TemplateSchema) -> list[str]:
    """The parts for which no content has values, in words; empty: contents can use it."""
    if template.category == AUTHENTICATION:  # its button takes the one-time code
        return [_("a one-time code")]
    return list(template_schema.unfillable(schema))


def _slot_problems(content: Content, schema: TemplateSchema) -> Iterator[ContentProblem]:
    texts = texts_of(content, schema)
    named = placeholders.names_in(" ".join(texts.values()))
    wrong = slot_problems(schema, texts, _known_attributes(named))
    for slot in schema.slots:
        for fault in wrong.get(slot.key, ()):
            yield ContentProblem(FIELD[slot.part].format(slot.place), f"{slot.label}: {fault}")


def surplus_problems(content: Content, schema: TemplateSchema) -> Iterator[ContentProblem]:
    """Values for which the message template has no place: Meta refuses them (132000, 132018)."""
    wanted = len(schema.of(BODY))
    for place in range(wanted, len(content.body_variables)):
        yield ContentProblem(
            f"body_variables.{place}",
            _(
                "Text %(place)s is one too many. The body of the message template takes "
                "%(wanted)s. Leave it out."
            )
            % {"place": place + 1, "wanted": wanted},
        )
    addresses = [str(slot.place) for slot in schema.of(BUTTON)]
    takers = _("No button does.")
    if addresses:
        takers = _("Counted from 0, these do: %(places)s.") % {"places": ", ".join(addresses)}
    for index in content.button_variables:
        if index not in addresses:
            yield ContentProblem(
                f"button_variables.{index}",
                _("Button %(place)r takes no text. Leave it out. %(takers)s")
                % {"place": index, "takers": takers},
            )
    kind = content.media.get("type")
    if kind == "text" and not schema.of(HEADER):
        yield ContentProblem(
            "headline", _("The message template has no headline with a variable. Leave it out.")
        )
    elif kind not in (None, "text") and not schema.needs_media:
        yield ContentProblem(
            "media",
            _("The message template has no %(kind)s above the text. Leave it out.")
            % {"kind": kind},
        )


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
    found = (name for attributes in people[:SAMPLED_SUBSCRIBERS] for name in attributes)
    return sorted({placeholders.name_of(name) for name in found} - {"", *ALWAYS_KNOWN})


def _known_attributes(named: Collection[str]) -> list[str]:
    """The attribute names to check these placeholders against.

    A name that the sample lacks is looked for among all: content that was fine when it was
    approved is not to fail because people without the attribute were imported since.
    """
    wanted = set(named) - set(ALWAYS_KNOWN)
    if not wanted:
        return []
    sampled = attribute_names()
    people = Subscriber.objects.eligible()
    rare = (name for name in sorted(wanted - set(sampled)))
    found = [name for name in rare if people.filter(attributes__has_key=name).exists()]
    return [*sampled, *found]


def media_expires(content: Content) -> date | None:
    """The first day on which Meta no longer has the uploaded file."""
    uploaded = content.media.get("uploaded_at")
    if not uploaded:
        return None
    return india_time.local_date(datetime.fromisoformat(uploaded)) + media_copies.LIFETIME


def _media_problems(
    content: Content, schema: TemplateSchema, day: date | None
) -> Iterator[ContentProblem]:
    kind = schema.header.lower()
    if not schema.needs_media:
        return
    if content.media.get("type") != kind:
        yield ContentProblem(
            "media", _("Upload the %(kind)s shown above the text.") % {"kind": kind}
        )
        return
    expires = media_expires(content)
    if expires and day and day >= expires and not media_copies.is_kept(content):
        yield ContentProblem(
            "media",
            _("Meta deletes the %(kind)s on %(day)s. Upload it closer to the send date.")
            % {"kind": kind, "day": f"{expires:%d %b %Y}"},
        )


def longest_length(text: str, part: str = BODY) -> int:
    """The length of a text with the longest personal values, in characters."""
    places, fixed = len(placeholders.names_in(text)), placeholders.without(text)
    if part == BUTTON:
        return len(encode_address(fixed)) + places * ADDRESS_VALUE_LIMIT
    return len(fixed) + places * ASSUMED_VALUE_LENGTH


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
        return [_("Enter a value. Meta refuses an empty variable.")]
    faults = []
    if CONTROL_CHARACTERS.search(text):
        faults.append(_("Remove line breaks and tabs. Meta refuses them in a variable."))
    if WIDE_SPACES.search(text):
        faults.append(_("Use up to four spaces in a row. Meta refuses more."))
    if slot.part == BUTTON and re.search(r"\s", text.strip()):
        faults.append(_("Remove the spaces. An address cannot contain any."))
    unknown = [name for name in dict.fromkeys(placeholders.names_in(text)) if name not in names]
    if unknown:
        shown = ", ".join(f"{{{name}}}" for name in unknown)
        offer = _offer(unknown[0], names)
        faults.append(
            _("Unknown placeholder %(names)s. %(offer)s") % {"names": shown, "offer": offer}
        )
    if set("{}") & set(placeholders.without(text)):
        faults.append(
            _(
                "Unmatched { or }. A placeholder is a name in braces, such as {name}: letters, "
                "digits and _ only."
            )
        )
    return faults


def _offer(unknown: str, names: Collection[str]) -> str:
    close = get_close_matches(unknown, sorted(names), n=1)
    if close:
        return _("Did you mean {%(name)s}?") % {"name": close[0]}
    available = ", ".join(f"{{{name}}}" for name in sorted(names))
    return _("Available: %(names)s.") % {"names": available}


def _check_lengths(
    slots: tuple[Slot, ...], texts: Mapping[str, str], problems: dict[str, list[str]]
) -> None:
    """The slots of the body share its limit; a headline and a button have one slot each."""
    groups = [slots] if slots[0].part == BODY else [(slot,) for slot in slots]
    for group in groups:
        longest = max(group, key=lambda slot: len(texts.get(slot.key, "")))
        length = sum(
            longest_length(texts.get(slot.key, "").strip(), slot.part) * slot.times
            for slot in group
        )
        if length > group[0].room:
            problems.setdefault(longest.key, []).append(
                _(
                    "Too long by %(over)s characters. With long names it can reach %(length)s, and "
                    "the message template allows %(room)s."
                )
                % {
                    "over": f"{length - group[0].room:,}",
                    "length": f"{length:,}",
                    "room": f"{group[0].room:,}",
                }
            )
