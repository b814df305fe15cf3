"""The message of a content for one person: its message template with the values filled in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import quote

from distribution.content import template_schema
from distribution.models import Content
from phonepool.cloud_api.client import PreparedMessage
from phonepool.numbers.reservation import Reservation
from subscribers.details import placeholders

# Meta refuses newlines, tabs and more than four spaces in a row (132018).
CONTROL_CHARACTERS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
WIDE_SPACES = re.compile(" {5,}")
WIDE = " " * 5
PARAMETER_LIMIT = 1024  # characters
# The signs with a meaning in an address, and that of an encoded one; all others are encoded.
ADDRESS_CHARACTERS = ":/?#[]@!$&'()*+,;=%"
LONE_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
ADDRESS_VALUE_LIMIT = 300  # characters of one personal value in an address: 100, encoded
MEDIA_KEYS_SENT = ("id", "link")  # the other keys of `Content.media` are ours alone


class Person(Protocol):
    """What a message may say of its recipient."""

    @property
    def name(self) -> str: ...
    @property
    def tier(self) -> str: ...
    @property
    def attributes(self) -> dict[str, Any]: ...


class Wording:
    """A content as it is rendered for many people: what is alike for all is made once."""

    def __init__(self, content: Content) -> None:
        template = content.message_template
        self.template, self.language = template.name, template.language
        self._media = content.media
        self._body = [_Text(text, fill_in) for text in content.body_variables]
        self._parameter_names = template_schema.parse(template.components).names
        self._buttons = {
            place: _Text(text, fill_address) for place, text in content.button_variables.items()
        }
        texts = [*self._body, *self._buttons.values()]
        self._is_personal = bool(content.media) or any(text.filled is None for text in texts)

    def components(
        self, person: Person, *, number: str = "", media_id: str = ""
    ) -> list[dict[str, Any]]:
        """The `template.components` of one person's message, in Meta's form.

        `number` is Meta's id of the sending number, `media_id` that of its copy of the content's
        file, if it differs from what the content has: an uploaded file belongs to one number.
        """
        known = personal_values(person) if self._is_personal else {}
        parts: list[dict[str, Any]] = []
        if self._media:
            header = _header_parameter(self._media, known, number, media_id)
            parts.append({"type": "header", "parameters": [header]})
        if self._body:
            parts.append({"type": "body", "parameters": self._body_parameters(known)})
        for place, text in self._buttons.items():
            address = {"type": "text", "text": text.for_person(known)}
            parts.append(
                {"type": "button", "sub_type": "url", "index": place, "parameters": [address]}
            )
        return parts

    def _body_parameters(self, known: Mapping[str, object]) -> list[dict[str, str]]:
        texts = [text.for_person(known) for text in self._body]
        if len(self._parameter_names) != len(texts):
            return [{"type": "text", "text": text} for text in texts]
        return [
            {"type": "text", "parameter_name": name, "text": text}
            for name, text in zip(self._parameter_names, texts, strict=True)
        ]


class _Text:
    """A text of a content; one without placeholders is filled in once for everybody."""

    def __init__(self, text: str, fill: Callable[[str, Mapping[str, object]], str]) -> None:
        self._text, self._fill = text, fill
        self.filled = None if placeholders.names_in(text) else fill(text, {})

    def for_person(self, known: Mapping[str, object]) -> str:
        return self._fill(self._text, known) if self.filled is None else self.filled


def components(
    content: Content, person: Person, *, number: str = "", media_id: str = ""
) -> list[dict[str, Any]]:
    """The `template.components` of a single message."""
    return Wording(content).components(person, number=number, media_id=media_id)


def personal_values(person: Person) -> dict[str, object]:
    """The values that a text may use as `{placeholders}`, no longer than texts reckon them."""
    own = {placeholders.name_of(name): value for name, value in person.attributes.items()}
    values = {**own, "name": person.name, "tier": person.tier}
    return {name: placeholders.shortened(value) for name, value in values.items()}


def fill_in(text: str, known: Mapping[str, object]) -> str:
    """Replace `{name}` and other placeholders; an unknown one becomes empty."""
    filled = placeholders.substitute(text, lambda name: str(known.get(name, "")))
    if not filled.isprintable() or WIDE in filled:  # hardly any: looking takes a tenth of the time
        # Breaks first: blanks around one add up.
        filled = WIDE_SPACES.sub(" ", CONTROL_CHARACTERS.sub(" ", filled))
    return filled.strip()[:PARAMETER_LIMIT] or "-"  # an empty parameter would be refused


def fill_address(text: str, known: Mapping[str, object]) -> str:
    """Replace placeholders in the end of a button's address; values are percent-encoded.

    As in RFC 6570: a value in a text loses its meaning as an address (`/`, `?`, `&`, a blank …),
    a text that is one placeholder and nothing else keeps it, because it is the address.
    """
    if whole := placeholders.only_name(text.strip()):
        value = str(known.get(whole, ""))
        return _encoded(value, encode_address, PARAMETER_LIMIT) or "-"
    filled = placeholders.substitute(
        text.strip(),
        lambda name: _encoded(str(known.get(name, "")), _encode_all, ADDRESS_VALUE_LIMIT),
    )
    return encode_address(filled) or "-"


def encode_address(text: str) -> str:
    """Percent-encode what may not stand in an address; what is encoded already stays."""
    return quote(LONE_PERCENT.sub("%25", text), safe=ADDRESS_CHARACTERS, errors="replace")


def _encode_all(text: str) -> str:
    return quote(text, safe="", errors="replace")


def _encoded(value: str, encode: Callable[[str], str], limit: int) -> str:
    """Encoded in at most `limit` characters, none of them cut in two."""
    text = CONTROL_CHARACTERS.sub(" ", value).strip()[:limit]
    while len(encoded := encode(text)) > limit:
        text = text[:-1]
    return encoded


def prepare(
    wording: Wording,
    person: Person,
    *,
    to: str,
    key: int,
    attempt_id: str,
    slots: Reservation,
    media_id: str = "",
    send_at: float,
    deadline: float,
) -> PreparedMessage:
    """One person's message for the phone `to`, ready for the dispatcher."""
    return PreparedMessage(
        key=key,
        attempt_id=attempt_id,
        phone_number_id=slots.meta_id,
        to=to,
        template=wording.template,
        language=wording.language,
        components=wording.components(person, number=slots.meta_id, media_id=media_id),
        send_at=send_at,
        deadline=deadline,
        spacing=slots.min_spacing,
        lease=slots.lease,
    )


def _header_parameter(
    media: Mapping[str, Any], known: Mapping[str, object], number: str, media_id: str
) -> dict[str, Any]:
    kind = media["type"]
    if kind == "text":
        named = {"parameter_name": media["name"]} if media.get("name") else {}
        return {"type": "text", **named, "text": fill_in(media["text"], known)}
    file = {key: media[key] for key in MEDIA_KEYS_SENT if key in media}
    if own := media_id or media.get("ids", {}).get(number):
        file["id"] = own
    if kind == "document" and media.get("filename"):
        file["filename"] = media["filename"]
    return {"type": kind, kind: file}
