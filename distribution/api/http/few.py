"""Downloads and uploads hold a thread for long, so few of them run at once, one for each caller."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from distribution.api.http.problems import Problem
from subscribers import slots

BUSY = "too_many_at_once"


def caller(request: Request) -> str:
    """Who calls: a token, else the user of a session."""
    token = getattr(request.auth, "pk", None)
    return f"token {token}" if token else f"user {request.user.pk}"


@contextmanager
def one_of_few() -> Iterator[None]:
    """Answer 429 if the caller, and 503 if others have all places."""
    try:
        yield
    except slots.Busy as busy:
        raise Problem(busy.status, BUSY, str(busy), headers=busy.headers) from None


class UploadView(APIView):
    """A view whose body may be a large file: read only in one of the few places for uploads."""

    _slot: slots.Slot | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # 401 and 403 come first
        if not (request.content_type or "").startswith("application/json"):
            with one_of_few():
                self._slot = slots.uploads.take(caller(request))

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        if self._slot is not None:
            self._slot.release()
        return super().finalize_response(request, response, *args, **kwargs)
