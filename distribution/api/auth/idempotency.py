"""Idempotency keys: a repeated POST returns the stored response without a second effect.

The response is stored in the transaction of the effect, so a crash leaves both or neither and no
lock. A concurrent repetition waits at the unique row and then finds the response.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import OperationalError, transaction
from django.http import HttpResponse
from django.utils import timezone
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from distribution.api.auth.authentication import holder
from distribution.api.http.problems import Problem
from distribution.models import KeptAnswer

HEADER = "Idempotency-Key"
KEY_PATTERN = re.compile(r"[\x21-\x7e]{1,200}")
KEY_REQUIRED = (
    f"Send the header {HEADER} with up to 200 visible characters: new for each request, the same "
    "when you repeat one."
)
KEY_REUSED = "This Idempotency-Key was used for another request. Use a new key for each request."
KEY_IN_PROGRESS = "A request with this key is still running. Send it again after Retry-After."


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of an effect: HTTP status, JSON body, and the URL to follow it."""

    status: int
    body: Any
    location: str = ""


def once(request: Request, effect: Callable[[], Answer]) -> HttpResponse:
    """Run `effect` and store its answer in one transaction, or return the stored answer.

    `effect` must not use the network; tasks are published by `transaction.on_commit`. Raises
    Problem without a key (400), if the key was used with another body (422), or if a request
    with the same key runs longer than the lock timeout (409).
    """
    key, digest = _key(request), fingerprint(request)
    try:
        with transaction.atomic():
            kept, is_new = KeptAnswer.objects.get_or_create(
                holder=holder(request),
                key=key,
                defaults={"asked": digest, "created_at": timezone.now()},
            )
            if is_new:
                answer = effect()
                kept.status, kept.location = answer.status, answer.location
                kept.body = JSONRenderer().render(answer.body).decode()
                kept.save(update_fields=["status", "location", "body"])
    except OperationalError as error:
        if _is_lock_timeout(error):
            headers = {"Retry-After": "2"}
            raise Problem(409, "in_progress", KEY_IN_PROGRESS, headers=headers) from None
        raise
    return _response(kept, replayed=False) if is_new else _replay(kept, digest)


def kept_answer(request: Request) -> HttpResponse | None:
    """The stored answer to the same request, for views that use the network before the effect."""
    kept = KeptAnswer.objects.filter(holder=holder(request), key=_key(request)).first()
    return None if kept is None else _replay(kept, fingerprint(request))


def _replay(kept: KeptAnswer, digest: str) -> HttpResponse:
    if kept.asked != digest:
        raise Problem(422, "key_reused", KEY_REUSED)
    return _response(kept, replayed=True)


def _response(kept: KeptAnswer, *, replayed: bool) -> HttpResponse:
    headers = {"Location": kept.location} if kept.location else {}
    if replayed:
        headers["Idempotent-Replayed"] = "true"
    return HttpResponse(
        kept.body, status=kept.status, content_type="application/json", headers=headers
    )


def _key(request: Request) -> str:
    key = str(request.headers.get(HEADER, ""))
    if not KEY_PATTERN.fullmatch(key):
        raise Problem(400, "idempotency_key_required", KEY_REQUIRED)
    return key


def fingerprint(request: Request) -> str:
    """SHA-256 of method, URL and body; the order of a JSON object's fields does not matter."""
    digest = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    for part in _parts(request.data):
        digest.update(part)
    return digest.hexdigest()


def _parts(data: Any) -> Iterator[bytes]:
    if not hasattr(data, "lists"):
        yield json.dumps(data, sort_keys=True).encode()
        return
    for name, values in sorted(data.lists()):  # a form, perhaps with files
        for value in values:
            yield f"\n{name}=".encode()
            if isinstance(value, UploadedFile):
                yield from value.chunks()
                value.seek(0)
            else:
                yield str(value).encode()


def _is_lock_timeout(error: OperationalError) -> bool:
    """PostgreSQL's lock_timeout or SQLite's busy timeout."""
    message = str(error)
    return "lock timeout" in message or "database is locked" in message
