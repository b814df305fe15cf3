"""The uploads of a content's file: which numbers have one, and renewing them in time.

Meta forgets an uploaded file after 30 days, and refuses it from any number but its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta

from django.db.models import Q

from distribution.content import media
from distribution.models import Content, ContentState, Distribution, MediaCopy, MediaFile
from distribution.models.distributions import RUNNING, UNOPENED
from distribution.runtime import india_time
from phonepool.cloud_api import media as media_files
from phonepool.cloud_api.client import CloudApi
from phonepool.cloud_api.media import MediaRefusedError
from phonepool.models import PhoneNumber

LIFETIME = timedelta(days=30)
RENEWAL_AGE = timedelta(days=28)  # a copy that will be older on the day is renewed
AHEAD = timedelta(days=7)  # how long before its day a content's copies are renewed
UNUSED_LIFE = timedelta(days=2)  # a file that no content uses: its draft was never saved


def ids_on(content: Content, day: date) -> dict[int, str] | None:
    """Meta's media id by our number's id, for the numbers whose copy is good on that day.

    None: the content has no file, or one of which only an id is known.
    """
    if not has_file(content):
        return None
    oldest = _age_limit(day, LIFETIME)
    copies = MediaCopy.objects.filter(file__media_id=content.media["id"])
    found = {copy.number_id: copy for copy in copies}
    ids = {pk: copy.media_id for pk, copy in found.items() if copy.uploaded_at >= oldest}
    stored = content.media.get("ids", {})
    if not stored:
        return ids if found else None
    uploaded = content.media.get("uploaded_at")  # unknown for a file that others uploaded
    if uploaded is None or datetime.fromisoformat(uploaded) >= oldest:
        rows = PhoneNumber.objects.filter(meta_id__in=stored).values_list("pk", "meta_id")
        ids = {pk: stored[meta_id] for pk, meta_id in rows} | ids
    return ids


def has_file(content: Content) -> bool:
    """Whether it has a file above the text."""
    return content.media.get("type", "text") != "text" and "id" in content.media


def is_kept(content: Content) -> bool:
    """Whether its file is stored here, so that it can be uploaded again at any time."""
    return MediaFile.objects.filter(media_id=content.media.get("id", "")).exists()


def _age_limit(day: date, age: timedelta) -> datetime:
    """The earliest upload that is younger than `age` at every moment of the day."""
    return india_time.local_datetime(day - age + timedelta(days=1), time.min)


def renew(api: CloudApi, *, now: datetime) -> dict[int, str]:
    """Upload kept files again where a number has no copy, or one too old for the day.

    Returns by number what Meta did not take: that number does not carry the content.
    """
    refused: dict[int, str] = {}
    numbers = media.senders()
    for file, day in _needed(now):
        fresh = file.copies.filter(uploaded_at__gte=_age_limit(day, RENEWAL_AGE))
        having = set(fresh.values_list("number_id", flat=True))
        for number in numbers:
            if number.pk in having or number.pk in refused:
                continue
            try:
                _upload(file, number, api, now)
            except MediaRefusedError as error:
                refused[number.pk] = str(error)
    return refused


def _needed(now: datetime) -> Iterator[tuple[MediaFile, date]]:
    """The kept files of what is sent within a week, each with the last day it is needed on."""
    last = india_time.local_date(now) + AHEAD
    days: dict[str, date] = {}
    for content in _coming(now):
        if "id" in content.media:
            day = last if content.is_fallback else min(content.day or last, last)
            known = days.get(content.media["id"], day)
            days[content.media["id"]] = max(day, known, india_time.local_date(now))
    files = MediaFile.objects.filter(media_id__in=days)
    for file in files.defer("content").order_by("pk"):  # the bytes are read where they are sent
        yield file, days[file.media_id]


def _coming(now: datetime) -> Iterable[Content]:
    today = india_time.local_date(now)
    week = Q(day__range=(today, today + AHEAD)) | Q(is_fallback=True)
    states = (ContentState.APPROVED, ContentState.SUBMITTED)
    planned = Distribution.objects.filter(state__in=(*UNOPENED, *RUNNING)).values("content")
    return Content.objects.filter(Q(week, state__in=states) | Q(pk__in=planned)).only(
        "media", "day", "is_fallback"
    )


def _upload(file: MediaFile, number: PhoneNumber, api: CloudApi, now: datetime) -> None:
    content = bytes(file.content)
    checked = media_files.MediaFile(file.kind, file.name, file.mime, content)
    media_id = media.upload_for(number, checked, api=api)
    MediaCopy.objects.update_or_create(
        file=file, number=number, defaults={"media_id": media_id, "uploaded_at": now}
    )


def forget_unused(now: datetime) -> int:
    """Delete the files that no content uses, or only ones whose day is long over; how many."""
    used = set(
        Content.objects.filter(
            Q(is_fallback=True) | Q(day__gt=india_time.local_date(now) - LIFETIME)
        ).values_list("media__id", flat=True)
    )
    old = MediaFile.objects.filter(stored_at__lt=now - UNUSED_LIFE)
    unused = [pk for pk, media_id in old.values_list("pk", "media_id") if media_id not in used]
    return MediaFile.objects.filter(pk__in=unused).delete()[0]
