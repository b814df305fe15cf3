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
from django.db import IntegrityError, OperationalError, transaction
from django.http import HttpResponse
from django.utils import timezone
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from distribution.api.http.problems import Problem
from distribution.models import ApiToken, KeptAnswer

HEADER = "Idempotency-Key"
KEY_PATTERN = re.compile(r"[\x21-\x7e]{1,200}")
KEY_REQUIRED = (
    f"Send a header {HEADER} with up to 200 visible characters of your own, new for each request "
    "and the same for its repetitions."
)
KEY_REUSED = "This Idempotency-Key was used for another request: make a new key for each request."
KEY_IN_PROGRESS = "The same key is at work at this moment: ask again after Retry-After."


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of an effect: HTTP status, JSON body, and the URL to follow it."""

    status: int
    body: Any
    location: str = ""


class AlreadyAnswered(Exception):  # noqa: N818 - not an error: the effect exists
    def __init__(self, kept: KeptAnswer) -> None:
        self.kept = kept


def once(request: Request, effect: Callable[[], Answer]) -> HttpResponse:
    """Run `effect` and store its answer in one transaction, or return the stored answer.

    `effect` must not use the network; tasks are published by `transaction.on_commit`. Raises
    Problem without a key (400), if the key was used with another body (422), or if a request
    with the same key runs longer than the lock timeout (409).
    """
    key, digest, holder = _key(request), fingerprint(request), _holder(request)
    try:
        with transaction.atomic():
            kept = _reserve_key(holder, key, digest)
            answer = effect()
            body = JSONRenderer().render(answer.body).decode()
            KeptAnswer.objects.filter(pk=kept.pk).update(
                status=answer.status, body=body, location=answer.location
            )
    except AlreadyAnswered as earlier:
        return _replay(earlier.kept, digest)
    except OperationalError as error:
        if _is_lock_timeout(error):
            raise Problem(
                409,
                "in_progress",
                KEY_IN_PROGRESS,
                headers={"Retry-After": "2"},
            ) from None
        raise
    return _response(answer.status, body, answer.location, replayed=False)


def kept_answer(request: Request) -> HttpResponse | None:
    """The stored answer to the same request, for views that use the network before the effect."""
    kept = KeptAnswer.objects.filter(holder=_holder(request), key=_key(request)).first()
    return None if kept is None else _replay(kept, fingerprint(request))


def _reserve_key(holder: str, key: str, digest: str) -> KeptAnswer:
    now = timezone.now()
    try:
        with transaction.atomic():
            return KeptAnswer.objects.create(holder=holder, key=key, asked=digest, created_at=now)
    except IntegrityError:
        raise AlreadyAnswered(KeptAnswer.objects.get(holder=holder, key=key)) from None


def _replay(kept: KeptAnswer, digest: str) -> HttpResponse:
    if kept.asked != digest:
        raise Problem(422, "key_reused", KEY_REUSED)
    return _response(kept.status, kept.body, kept.location, replayed=True)


def _response(status: int, body: str, location: str, *, replayed: bool) -> HttpResponse:
    headers = {"Location": location} if location else {}
    if replayed:
        headers["Idempotent-Replayed"] = "true"
    return HttpResponse(body, status=status, content_type="application/json", headers=headers)


def _key(request: Request) -> str:
    key = str(request.headers.get(HEADER, ""))
    if not KEY_PATTERN.fullmatch(key):
        raise Problem(400, "idempotency_key_required", KEY_REQUIRED)
    return key


def _holder(request: Request) -> str:
    if isinstance(request.auth, ApiToken):
        return f"token:{request.auth.pk}"
    return f"user:{request.user.pk}"


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
