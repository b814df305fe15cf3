"""Files as answers, streamed so that any length needs little memory."""

from __future__ import annotations

from collections.abc import Iterable

from django.http import StreamingHttpResponse
from rest_framework.request import Request

from distribution.api.http.few import caller, one_of_few
from subscribers import slots


def attachment(
    request: Request, pieces: Iterable[str | bytes], name: str, media_type: str
) -> StreamingHttpResponse:
    """A download of that name, in one of the few places for downloads."""
    with one_of_few():
        held = slots.download(pieces, caller(request))
    response = StreamingHttpResponse(held, content_type=media_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
