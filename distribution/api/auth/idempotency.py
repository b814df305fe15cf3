"""A POST that is sent again does nothing again: its answer is kept with its effect.

The row is written in the transaction of the effect, so there is no lock that a crash could
leave: either both are there or neither. A second one that comes meanwhile waits at the unique
row and then finds the answer.
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
KEY = re.compile(r"[\x21-\x7e]{1,200}")
KEY_WANTED = (
    f"Send a header {HEADER} with up to 200 visible characters of your own, new for each request "
    "and the same for its repetitions."
)
REUSED = "This Idempotency-Key was used for another request: make a new key for each request."
AT_WORK = "The same key is at work at this moment: ask again after Retry-After."


@dataclass(frozen=True, slots=True)
class Answer:
    """What an effect says: the status, the JSON, and where to follow it."""

    status: int
    body: Any
    location: str = ""


class AnsweredBefore(Exception):  # noqa: N818 - no error: the effect is there
    def __init__(self, kept: KeptAnswer) -> None:
        self.kept = kept


def once(request: Request, effect: Callable[[], Answer]) -> HttpResponse:
    """Run `effect` in a transaction together with keeping its answer, or give the kept answer.

    `effect` must not talk to the network: what it wants published goes to
    `transaction.on_commit`. Raises Problem without a key (400), with another body (422), or when
    the same key is at work for longer than a lock waits (409).
    """
    key, asked, holder = _key(request), fingerprint(request), _holder(request)
    try:
        with transaction.atomic():
            kept = _begin(holder, key, asked)
            done = effect()
            body = JSONRenderer().render(done.body).decode()
            KeptAnswer.objects.filter(pk=kept.pk).update(
                status=done.status, body=body, location=done.location
            )
    except AnsweredBefore as before:
        return _again(before.kept, asked)
    except OperationalError as error:
        if _is_waiting(error):
            raise Problem(
                409,
                "in_progress",
                AT_WORK,
                headers={"Retry-After": "2"},
            ) from None
        raise
    return _response(done.status, body, done.location, replayed=False)


def kept_answer(request: Request) -> HttpResponse | None:
    """The answer to the same request before, for doors that must talk to the network first."""
    kept = KeptAnswer.objects.filter(holder=_holder(request), key=_key(request)).first()
    return None if kept is None else _again(kept, fingerprint(request))


def _begin(holder: str, key: str, asked: str) -> KeptAnswer:
    now = timezone.now()
    try:
        with transaction.atomic():
            return KeptAnswer.objects.create(holder=holder, key=key, asked=asked, created_at=now)
    except IntegrityError:
        raise AnsweredBefore(KeptAnswer.objects.get(holder=holder, key=key)) from None


def _again(kept: KeptAnswer, asked: str) -> HttpResponse:
    if kept.asked != asked:
        raise Problem(422, "key_reused", REUSED)
    return _response(kept.status, kept.body, kept.location, replayed=True)


def _response(status: int, body: str, location: str, *, replayed: bool) -> HttpResponse:
    headers = {"Location": location} if location else {}
    if replayed:
        headers["Idempotent-Replayed"] = "true"
    return HttpResponse(body, status=status, content_type="application/json", headers=headers)


def _key(request: Request) -> str:
    key = str(request.headers.get(HEADER, ""))
    if not KEY.fullmatch(key):
        raise Problem(400, "idempotency_key_required", KEY_WANTED)
    return key


def _holder(request: Request) -> str:
    if isinstance(request.auth, ApiToken):
        return f"token:{request.auth.pk}"
    return f"user:{request.user.pk}"


def fingerprint(request: Request) -> str:
    """SHA-256 of method, address and body; the order of a JSON object's fields does not count."""
    told = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    for part in _parts(request.data):
        told.update(part)
    return told.hexdigest()


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


def _is_waiting(error: OperationalError) -> bool:
    """PostgreSQL's lock_timeout, or SQLite's."""
    words = str(error)
    return "lock timeout" in words or "database is locked" in words
