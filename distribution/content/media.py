"""A content's picture, video or document: checked, uploaded to Meta, and recorded."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from phonepool.cloud_api import media
from phonepool.cloud_api.client import CloudApi
from phonepool.cloud_api.media import MediaRefusedError
from phonepool.exceptions import CloudApiError
from phonepool.models import NumberState, PhoneNumber, Quality


def upload(kind: str, name: str, content: bytes, *, api: CloudApi, now: datetime) -> dict[str, Any]:
    """Upload a file for every number of the pool; returns the value of `Content.media`.

    `kind` is image, video or document. An uploaded file belongs to the number that uploaded
    it, hence one id per number. `MediaRefusedError` carries a message for the form.
    """
    file = media.check(kind, name, content)
    # Resting and standby numbers too: they may send the message later.
    able = PhoneNumber.objects.exclude(state=NumberState.DISABLED).exclude(quality=Quality.FLAGGED)
    numbers = list(able.order_by("pk"))
    if not numbers:
        raise MediaRefusedError("No phone number is there to upload it with: enable one first.")
    ids = {number.meta_id: _upload(api, number, file) for number in numbers}
    return {
        "type": kind,
        "id": ids[numbers[0].meta_id],
        "ids": ids,
        "filename": file.name,
        "mime": file.mime,
        "size": len(content),
        "uploaded_at": now.isoformat(),
    }


def _upload(api: CloudApi, number: PhoneNumber, file: media.MediaFile) -> str:
    try:
        return api.upload_media(number.meta_id, file)
    except CloudApiError as error:
        advice = error.failure.advice
        raise MediaRefusedError(
            f"Meta did not take the {file.kind} for {number.label}: {error}. {advice}"
        ) from None
