"""A new version of a content beside the one it would replace, with what differs marked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from django.utils.translation import gettext as _

from distribution.content import template_schema, validation
from distribution.models import Content, ContentState

SAME, REMOVED, ADDED = "same", "removed", "added"
WORDS = re.compile(r"\s+|[^\s]+")  # words and the space between them: joined they are the text
Part = tuple[str, str]  # SAME, REMOVED or ADDED, and the text


@dataclass(frozen=True, slots=True)
class Row:
    """One field of both: its text in parts, REMOVED only in `before`, ADDED only in `after`."""

    label: str
    before: Sequence[Part]
    after: Sequence[Part]

    @property
    def differs(self) -> bool:
        return any(kind != SAME for kind, _text in (*self.before, *self.after))


@dataclass(frozen=True, slots=True)
class Comparison:
    """`current` is what the content would replace, or what is approved for its day."""

    current: Content
    rows: Sequence[Row]


def with_current(content: Content) -> Comparison | None:
    """The content beside what it would replace; None if it replaces nothing."""
    current = content.replaces or _approved_that_day(content)
    if current is None or current.pk == content.pk:
        return None
    old, new = _facts(current), _facts(content)
    labels = dict.fromkeys([*old, *new])
    return Comparison(
        current, [row(label, old.get(label, ""), new.get(label, "")) for label in labels]
    )


def _approved_that_day(content: Content) -> Content | None:
    if content.day is None or content.is_fallback:
        return None
    rows = Content.objects.filter(day=content.day, is_fallback=False, state=ContentState.APPROVED)
    return rows.select_related("message_template").first()


def _facts(content: Content) -> dict[str, str]:
    template = content.message_template
    schema = template_schema.parse(template.components)
    texts = validation.texts_of(content, schema)
    return {
        _("Title"): content.title,
        _("Send date"): _("Fallback") if content.is_fallback else f"{content.day:%a %d %b %Y}",
        _("Message template"): str(template),
        **{slot.label: texts[slot.key] for slot in schema.slots},
        _("File"): str(content.media.get("filename", "")),
    }


def row(label: str, before: str, after: str) -> Row:
    """A field of two versions, with the words marked that only one of them has."""
    old, new = WORDS.findall(before), WORDS.findall(after)
    steps = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return Row(
        label,
        list(_parts(old, REMOVED, [(tag == "equal", i, j) for tag, i, j, _k, _l in steps])),
        list(_parts(new, ADDED, [(tag == "equal", k, m) for tag, _i, _j, k, m in steps])),
    )


def _parts(
    words: Sequence[str], kind: str, pieces: Sequence[tuple[bool, int, int]]
) -> Iterator[Part]:
    for is_same, first, end in pieces:
        if text := "".join(words[first:end]):
            yield SAME if is_same else kind, text
