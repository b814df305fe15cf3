"""Reading a request's body without trusting its sender about size, form or speed."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Protocol

from django.http import HttpRequest, UnreadablePostError

from subscribers.whole_numbers import whole_number

# A read waits for a whole piece and cannot be interrupted: the time is checked between two. Pieces
# are small, so that a drip of 100 bytes a second ends after 15 s; a sender who stops altogether has
# to be cut off by the proxy in front, see docs/webhooks.md. A read takes less than a microsecond.
PIECE_BYTES = 512
READ_SECONDS = 10.0  # from the first piece to the last; Meta's 3 MB come in well under one


class Refused(Exception):  # noqa: N818 - an answer, not an error of ours
    """The POST is not taken; `answer` names why, for the counter."""

    def __init__(self, status: HTTPStatus, answer: str) -> None:
        self.status, self.answer = status, answer
        super().__init__(answer)


class Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


def read(request: HttpRequest, *, limit: int, seconds: float = READ_SECONDS) -> bytes:
    """The whole body, at most `limit` bytes of it, or Refused (413, 415, 408, 400, 411).

    A declared length over the limit is refused before anything is read; chunked bodies are
    counted while they are read. Compressed ones are refused: Meta sends none.
    """
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "compressed")
    if "Transfer-Encoding" in request.headers:
        return _read_chunked(request, limit, seconds)
    length = _declared_length(request)
    if length > limit:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large")
    body = _read_up_to(request, length, seconds)
    if len(body) < length:
        raise Refused(HTTPStatus.BAD_REQUEST, "cut_off")
    return body


def _declared_length(request: HttpRequest) -> int:
    text = request.headers.get("Content-Length") or "0"
    if not (text.isascii() and text.isdigit()):
        raise Refused(HTTPStatus.BAD_REQUEST, "bad_length")
    length = whole_number(text)
    if length is None:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large")
    return length


def _read_chunked(request: HttpRequest, limit: int, seconds: float) -> bytes:
    """Django reads a body without a length as empty, so this reads the WSGI server's stream."""
    if not request.META.get("wsgi.input_terminated"):  # a server that does not decode chunks
        raise Refused(HTTPStatus.LENGTH_REQUIRED, "no_length")
    body = _read_up_to(request.META["wsgi.input"], limit + 1, seconds)
    if len(body) > limit:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large")
    return body


def _read_up_to(stream: Stream, size: int, seconds: float) -> bytes:
    """Up to `size` bytes, fewer only if the sender ended; usually a single piece."""
    deadline = time.monotonic() + seconds
    try:
        piece = stream.read(min(size, PIECE_BYTES))
        if len(piece) == size or not piece:
            return piece
        return _read_on(stream, bytearray(piece), size, deadline)
    except (UnreadablePostError, OSError):
        raise Refused(HTTPStatus.BAD_REQUEST, "cut_off") from None


def _read_on(stream: Stream, body: bytearray, size: int, deadline: float) -> bytes:
    while len(body) < size and (piece := stream.read(min(size - len(body), PIECE_BYTES))):
        body += piece
        if time.monotonic() > deadline:
            raise Refused(HTTPStatus.REQUEST_TIMEOUT, "too_slow")
    return bytes(body)
