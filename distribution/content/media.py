"""A content's picture, video or document: checked, uploaded to Meta, and recorded."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from distribution.models import MediaCopy, MediaFile
from phonepool.cloud_api import media
from phonepool.cloud_api.client import CloudApi
from phonepool.cloud_api.media import MediaRefusedError
from phonepool.exceptions import CloudApiError, Rejected
from phonepool.models import NumberState, PhoneNumber, Quality

KEPT_BYTES = 16 * media.MEGABYTE  # every picture and video; larger documents are not kept
DIGITS = re.compile("[0-9]{1,40}", re.ASCII)  # every id of Meta's
UNKNOWN_OBJECT = 100  # Meta's code, also for another number's file


def upload(kind: str, name: str, content: bytes, *, api: CloudApi, now: datetime) -> dict[str, Any]:
    """Upload a file for every number of the pool; returns the value of `Content.media`.

    `kind` is image, video or document. An uploaded file belongs to the number that uploaded
    it, hence one id per number. `MediaRefusedError` carries a message for the form.
    """
    file = media.check(kind, name, content)
    numbers = senders()
    if not numbers:
        raise MediaRefusedError(_("No phone number can upload the file. Enable one first."))
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


def named(kind: str, media_id: str, *, api: CloudApi) -> dict[str, Any]:
    """The value of `Content.media` for a file that is with Meta already, by one of its ids.

    One that was uploaded here is known with all its copies. Of any other Meta is asked which of
    our numbers uploaded it: only that one carries the content. `MediaRefusedError` if none did.
    """
    by_id = Q(media_id=media_id) | Q(copies__media_id=media_id)
    kept = MediaFile.objects.filter(by_id).defer("content").order_by("pk").first()
    if kept is not None:
        _require_type(kind, kept.mime)
        return {
            "type": kind,
            "id": kept.media_id,
            "filename": kept.name,
            "mime": kept.mime,
            "uploaded_at": kept.stored_at.isoformat(),
        }
    for number in senders() if DIGITS.fullmatch(media_id) else ():
        if mime := _type_of(number, media_id, api):
            _require_type(kind, mime)
            return {"type": kind, "id": media_id, "ids": {number.meta_id: media_id}, "mime": mime}
    raise MediaRefusedError(
        _(
            "Meta has no file %(id)s for any of your phone numbers. It is unknown, older than 30 "
            "days, or belongs to another number. Send the file itself."
        )
        % {"id": media_id}
    )


def _type_of(number: PhoneNumber, media_id: str, api: CloudApi) -> str:
    """The MIME type of a file that this number uploaded; empty if it did not."""
    try:
        return api.media_type(number.meta_id, media_id)
    except Rejected as error:
        if error.code == UNKNOWN_OBJECT:
            return ""
        reason: CloudApiError = error
    except CloudApiError as error:
        reason = error
    raise MediaRefusedError(
        _("Meta did not confirm file %(id)s: %(why)s. Try again, or send the file itself.")
        % {"id": media_id, "why": reason}
    ) from None


def _require_type(kind: str, mime: str) -> None:
    rules = media.KINDS[kind]
    if mime not in rules.types:
        raise MediaRefusedError(
            _("This file is %(type)s. The %(kind)s must be %(types)s.")
            % {"type": mime, "kind": kind, "types": rules.type_names}
        )


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
            _("Meta refused the %(kind)s for %(number)s: %(why)s. %(advice)s")
            % {"kind": file.kind, "number": number.label, "why": error, "advice": advice}
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
