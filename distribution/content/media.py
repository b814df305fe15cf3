"""A content's picture, video or document: checked, uploaded to Meta, and recorded."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from distribution.models import MediaCopy, MediaFile
from phonepool.cloud_api import media
from phonepool.cloud_api.client import CloudApi
from phonepool.cloud_api.media import MediaRefusedError
from phonepool.exceptions import CloudApiError
from phonepool.models import NumberState, PhoneNumber, Quality

KEPT_BYTES = 16 * media.MEGABYTE  # every picture and video; larger documents are not kept


def upload(kind: str, name: str, content: bytes, *, api: CloudApi, now: datetime) -> dict[str, Any]:
    """Upload a file for every number of the pool; returns the value of `Content.media`.

    `kind` is image, video or document. An uploaded file belongs to the number that uploaded
    it, hence one id per number. `MediaRefusedError` carries a message for the form.
    """
    file = media.check(kind, name, content)
    numbers = senders()
    if not numbers:
        raise MediaRefusedError("No phone number is there to upload it with: enable one first.")
    ids = {number.meta_id: upload_for(number, file, api=api) for number in numbers}
    first = ids[numbers[0].meta_id]
    if len(content) <= KEPT_BYTES:
        _keep(first, file, {number.pk: ids[number.meta_id] for number in numbers}, now)
    return {
        "type": kind,
        "id": first,
        "ids": ids,
        "filename": file.name,
        "mime": file.mime,
        "size": len(content),
        "uploaded_at": now.isoformat(),
    }


def senders() -> list[PhoneNumber]:
    """The numbers that may send the message: resting and standby ones may do so later."""
    able = PhoneNumber.objects.exclude(state=NumberState.DISABLED).exclude(quality=Quality.FLAGGED)
    return list(able.order_by("pk"))


def upload_for(number: PhoneNumber, file: media.MediaFile, *, api: CloudApi) -> str:
    """Upload the file for one number; returns Meta's id."""
    try:
        return api.upload_media(number.meta_id, file)
    except CloudApiError as error:
        advice = error.failure.advice
        raise MediaRefusedError(
            f"Meta did not take the {file.kind} for {number.label}: {error}. {advice}"
        ) from None


def _keep(media_id: str, file: media.MediaFile, ids: dict[int, str], now: datetime) -> None:
    """Store the bytes, so that other numbers can have them, and this one after 30 days."""
    with transaction.atomic():
        kept = MediaFile.objects.create(
            media_id=media_id,
            kind=file.kind,
            name=file.name,
            mime=file.mime,
            content=file.content,
            stored_at=now,
        )
        MediaCopy.objects.bulk_create(
            MediaCopy(file=kept, number_id=number, media_id=of_number, uploaded_at=now)
            for number, of_number in ids.items()
        )
