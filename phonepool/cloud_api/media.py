"""Validates files for WhatsApp: type and size. Pure.

The type is read from the file's first bytes: neither its name nor the browser can be trusted.
"""

from __future__ import annotations

from dataclasses import dataclass

MEGABYTE = 1024 * 1024
MAX_NAME_CHARACTERS = 240


class MediaRefusedError(ValueError):
    """A file that Meta would refuse; the text is a sentence with the reason and what to do."""


@dataclass(frozen=True, slots=True)
class MediaKind:
    """One kind of media: its types and the maximum size of a file."""

    name: str  # image, video, document
    types: tuple[str, ...]
    limit: int  # bytes
    type_names: str  # its types, for users


KINDS = {
    "image": MediaKind("image", ("image/jpeg", "image/png"), 5 * MEGABYTE, "JPEG or PNG"),
    "video": MediaKind("video", ("video/mp4", "video/3gpp"), 16 * MEGABYTE, "MP4 or 3GP"),
    "document": MediaKind("document", ("application/pdf",), 100 * MEGABYTE, "PDF"),
}


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A validated file, ready to be uploaded."""

    kind: str
    name: str
    mime: str
    content: bytes


def check(kind: str, name: str, content: bytes) -> MediaFile:
    """The file, if Meta accepts it as an image, video or document; else `MediaRefusedError`."""
    rules = KINDS[kind]
    if not content:
        raise MediaRefusedError("The file is empty. Choose another one.")
    mime = sniff(content)
    if mime not in rules.types:
        seen = f"This file is {mime}" if mime else "This file is of a type we do not know"
        raise MediaRefusedError(f"{seen}; the {kind} must be {rules.type_names}.")
    check_size(kind, len(content))
    return MediaFile(kind, _plain_name(name) or f"{kind}.{mime.partition('/')[2]}", mime, content)


def check_size(kind: str, size: int) -> None:
    """Raises `MediaRefusedError` if the file is too large; call it before reading the file."""
    rules = KINDS[kind]
    if size > rules.limit:
        raise MediaRefusedError(
            f"The {kind} has {_megabytes(size)} MB; WhatsApp takes at most "
            f"{rules.limit // MEGABYTE} MB. Make it smaller."
        )


def sniff(content: bytes) -> str:
    """The MIME type by the first bytes; empty if unknown."""
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"%PDF-"):
        return "application/pdf"
    if content[4:8] == b"ftyp":
        return "video/3gpp" if content[8:11] in (b"3gp", b"3gs") else "video/mp4"
    return {b"GIF8": "image/gif", b"RIFF": "image/webp"}.get(content[:4], "")


def _megabytes(size: int) -> str:
    return f"{size / MEGABYTE:.2f}"


def _plain_name(name: str) -> str:
    """The name without folders, quotes and characters that a header field may not contain."""
    last = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join(letter for letter in last if letter.isprintable() and letter not in '"')
    return kept.strip()[-MAX_NAME_CHARACTERS:]
