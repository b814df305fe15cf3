"""Whether two contents say the same to everybody: one message template with the same values."""

from __future__ import annotations

import hashlib
from typing import Any

from distribution.models import Content, MediaFile

# Of a file above the text: where its uploads are, and when they were made.
UPLOAD_FACTS = {"id", "ids", "uploaded_at"}


def same(one: Content | None, other: Content | None) -> bool:
    """Whether both send the same, whatever their rows, days and titles; two files above the text
    are the same if their bytes are."""
    if one is None or other is None:
        return False
    return one.pk == other.pk or (_values(one) == _values(other) and _same_file(one, other))


def _values(content: Content) -> list[Any]:
    header = {name: value for name, value in content.media.items() if name not in UPLOAD_FACTS}
    return [content.message_template_id, content.body_variables, content.button_variables, header]


def _same_file(one: Content, other: Content) -> bool:
    ids = [content.media.get("id", "") for content in (one, other)]
    if ids[0] == ids[1]:
        return True
    files = MediaFile.objects.filter(media_id__in=ids).values_list("content", flat=True)
    digests = [hashlib.sha256(bytes(content)).digest() for content in files]
    return len(digests) == 2 and digests[0] == digests[1]
