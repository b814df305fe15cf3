"""A file belongs to the number that uploaded it, for 30 days: every number has its own copy."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.utils import timezone

from distribution.content import eligible_numbers, media, media_copies, validation
from distribution.lifecycle import media_renewal, opening, preflight
from distribution.models import Alert, Content, Delivery, MediaCopy, MediaFile
from distribution.sending.batch import send_batch
from phonepool.cloud_api.media import MediaFile as CheckedFile
from phonepool.errors import classify
from phonepool.exceptions import Rejected
from phonepool.models import NumberState, PhoneNumber
from tests.builders import (
    a_number,
    a_planned_distribution,
    an_approved_content,
    an_open_distribution,
    some_subscribers,
)
from tests.distribution.content_staff import a_rich_template
from tests.fakes import FakeCloudApi

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
DAY = date(2026, 11, 23)
PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 50


class Meta(FakeCloudApi):
    """Takes files, too, unless the number is among `refusing`."""

    def __init__(self) -> None:
        super().__init__()
        self.uploads: list[str] = []
        self.refusing: set[str] = set()
        self._ids = count(1)

    def upload_media(self, phone_number_id: str, file: CheckedFile) -> str:
        if phone_number_id in self.refusing:
            raise Rejected(classify(131053), "no")
        assert file.content == PNG
        self.uploads.append(phone_number_id)
        return f"{phone_number_id}-{next(self._ids)}"


@pytest.fixture
def meta() -> Meta:
    return Meta()


def with_image(meta: Meta, *, now: datetime = NOW, **fields: Any) -> Content:
    header = media.upload("image", "chart.png", PNG, api=meta, now=now)  # type: ignore[arg-type]
    given = {"day": DAY, "message_template": a_rich_template(), "button_variables": {"1": "today"}}
    return an_approved_content(media=header, **{**given, **fields})


def renew(meta: Meta, now: datetime = NOW) -> list[str]:
    """The numbers that the files were uploaded for."""
    meta.uploads.clear()
    media_renewal.renew(meta, now=now)  # type: ignore[arg-type]
    return meta.uploads


def allowed(content: Content, day: date = DAY) -> set[int]:
    ids = eligible_numbers.for_content(content, day).allowed
    assert ids is not None
    return set(ids)


def test_a_number_that_comes_later_carries_the_content_once_it_has_a_copy(meta):
    first = a_number()
    content = with_image(meta)
    second = a_number()
    assert allowed(content) == {first.pk}

    assert renew(meta) == [second.meta_id]
    assert allowed(content) == {first.pk, second.pk}
    assert renew(meta) == []


def test_a_number_that_was_disabled_at_the_upload_gets_its_copy_when_it_is_enabled(meta):
    a_number()
    disabled = a_number(state=NumberState.DISABLED)
    with_image(meta)
    assert renew(meta) == []

    PhoneNumber.objects.filter(pk=disabled.pk).update(state=NumberState.ACTIVE)

    assert renew(meta) == [disabled.meta_id]


def test_nobody_is_sent_another_numbers_file(meta):
    """Meta refuses it with 100 for everybody whom that number writes to."""
    first = a_number(rate_per_second=1000)
    content = with_image(meta, day=timezone.localdate(), now=timezone.now())
    a_number(rate_per_second=1000)
    distribution = an_open_distribution(50, content=content)

    send_batch(distribution.pk, 0, api=meta)  # type: ignore[arg-type]

    assert {message.phone_number_id for message in meta.sent} == {first.meta_id}
    headers = [message.components[0]["parameters"][0]["image"] for message in meta.sent]
    assert headers == [{"id": content.media["ids"][first.meta_id]}] * 50
    assert set(Delivery.objects.values_list("state", flat=True)) == {"ACCEPTED"}


def test_the_renewed_id_is_sent(meta):
    number = a_number(rate_per_second=1000)
    content = with_image(meta, day=timezone.localdate(), now=timezone.now())
    MediaCopy.objects.update(media_id="renewed")
    distribution = an_open_distribution(1, content=content)

    send_batch(distribution.pk, 0, api=meta)  # type: ignore[arg-type]

    assert meta.sent[0].components[0]["parameters"][0]["image"] == {"id": "renewed"}
    assert meta.sent[0].phone_number_id == number.meta_id


@pytest.mark.parametrize(("age", "renewed"), [(27, 0), (28, 1), (40, 1)])
def test_a_copy_that_will_be_too_old_on_the_day_is_renewed(meta, age, renewed):
    a_number()
    content = with_image(meta, now=NOW - timedelta(days=age))

    assert len(renew(meta)) == renewed
    assert allowed(content) != set()


def test_the_copies_of_a_fallback_are_young_enough_for_the_next_seven_days(meta):
    number = a_number()
    fallback = with_image(meta, now=NOW - timedelta(days=21), day=None, is_fallback=True)
    assert renew(meta) == [number.meta_id]

    assert all(allowed(fallback, DAY + timedelta(days=ahead)) for ahead in range(8))


def test_content_of_a_day_further_ahead_is_left_alone(meta):
    a_number()
    with_image(meta, now=NOW - timedelta(days=25), day=DAY + timedelta(days=8))

    assert renew(meta) == []


def test_a_file_that_is_kept_may_be_submitted_for_any_day(meta):
    a_number()
    content = with_image(meta, day=DAY + timedelta(days=60))
    assert validation.content_problems(content) == []

    MediaFile.objects.all().delete()
    (problem,) = validation.content_problems(content)
    assert problem.startswith("Meta deletes the image on 23 Dec 2026")


def test_a_large_file_is_not_kept(meta, monkeypatch):
    monkeypatch.setattr(media, "KEPT_BYTES", len(PNG) - 1)
    number = a_number()
    content = with_image(meta)

    assert not MediaFile.objects.exists()
    assert allowed(content) == {number.pk}  # by the ids in the content
    assert allowed(content, DAY + timedelta(days=29)) == {number.pk}
    assert allowed(content, DAY + timedelta(days=30)) == set()


def test_a_file_of_unknown_owner_is_a_problem_while_there_is_more_than_one_number(meta):
    a_number()
    content = an_approved_content(
        message_template=a_rich_template(),
        media={"type": "image", "id": "4711"},
        button_variables={"1": "today"},
    )

    assert eligible_numbers.for_content(content, DAY).allowed is None
    assert eligible_numbers.problems_on(content, DAY) == []  # it can be no other's
    a_number()
    (problem,) = eligible_numbers.problems_on(content, DAY)
    assert (problem.field, problem.message[-22:]) == ("media", "Upload the file again.")


def test_what_meta_does_not_take_is_an_alert_until_it_does(meta):
    a_number()
    content = with_image(meta)
    second = a_number()
    meta.refusing = {second.meta_id}
    renew(meta)

    (alert,) = Alert.objects.filter(rule="media_refused", closed_at=None)
    assert (alert.scope, alert.severity) == (f"number {second.pk}", "WARNING")
    assert "The number does not carry that content." in alert.message
    assert second.pk not in allowed(content)

    meta.refusing = set()
    renew(meta)
    assert not Alert.objects.filter(closed_at=None).exists()


def test_an_opening_without_a_number_that_has_the_file_waits_for_the_copies(meta):
    first = a_number()
    some_subscribers(3)
    with_image(meta)
    PhoneNumber.objects.filter(pk=first.pk).update(state=NumberState.DISABLED)
    second = a_number()
    distribution = a_planned_distribution(NOW, content=None)

    assert not opening.open_distribution(distribution.pk, now=NOW)
    (finding,) = preflight.run_checks(distribution, now=NOW)
    assert (finding.rule, finding.blocking) == ("content_invalid", True)
    assert "no phone number that can send has the image at Meta" in finding.message

    assert renew(meta) == [second.meta_id]
    assert opening.open_distribution(distribution.pk, now=NOW + timedelta(seconds=60))


def test_capacity_is_that_of_the_numbers_that_carry_the_content(meta):
    a_number(daily_capacity=2)
    some_subscribers(3)
    with_image(meta)
    a_number()
    distribution = a_planned_distribution(NOW, content=None)

    assert "send 2 of 3" in preflight.run_checks(distribution, now=NOW)[0].message
    renew(meta)
    assert preflight.run_checks(distribution, now=NOW) == []


def test_files_of_days_that_are_over_and_of_drafts_never_saved_are_forgotten(meta):
    a_number()
    kept = with_image(meta)
    old = with_image(meta, day=DAY - timedelta(days=31), now=NOW - timedelta(days=31))
    media.upload("image", "x.png", PNG, api=meta, now=NOW)  # type: ignore[arg-type]

    renew(meta, NOW + timedelta(days=1))
    assert MediaFile.objects.count() == 2
    renew(meta, NOW + timedelta(days=3))

    assert [file.media_id for file in MediaFile.objects.all()] == [kept.media["id"]]
    assert not media_copies.is_kept(old)
