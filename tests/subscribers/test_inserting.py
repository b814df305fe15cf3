"""Many rows at once arrive as the model would have written them, one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from subscribers import inserting
from subscribers.models import Subscriber

COLUMNS = ("phone", "name", "attributes", "created_at", "updated_at")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
zones = st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours)))
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=zones)  # noqa: DTZ001
people = st.lists(
    st.tuples(texts, st.dictionaries(texts, texts, max_size=3), moments, moments), max_size=5
)


class AnyRowsTests(TestCase):
    @given(people)
    def test_every_value_comes_back_and_the_others_are_the_models(
        self, some: list[tuple[str, dict[str, str], datetime, datetime]]
    ) -> None:
        rows = [(f"+91980000{n:04}", *one) for n, one in enumerate(some)]
        inserting.insert(Subscriber, COLUMNS, rows)
        kept = Subscriber.objects.filter(phone__startswith="+91980000").order_by("phone")
        assert list(kept.values_list(*COLUMNS)) == rows
        model = Subscriber()
        for one in kept:
            absent = (one.status, one.tier, one.email, one.unreachable_days, one.unreachable_on)
            assert absent == (model.status, model.tier, "", 0, None)


@pytest.mark.django_db
def test_a_row_that_is_there_already_is_passed_over_or_refused() -> None:
    first = ("+919800000001", "First", {}, NOON, NOON)
    again = ("+919800000001", "Again", {}, NOON, NOON)
    other = ("+919800000002", "Other", {}, NOON, NOON)
    inserting.insert(Subscriber, COLUMNS, [first])
    inserting.insert(Subscriber, COLUMNS, [again, other], passing_over=True)
    names = list(Subscriber.objects.order_by("phone").values_list("name", flat=True))
    assert names == ["First", "Other"]
    with pytest.raises(IntegrityError), transaction.atomic():
        inserting.insert(Subscriber, COLUMNS, [("+919800000003", "New", {}, NOON, NOON), again])
    assert Subscriber.objects.count() == 2


@pytest.mark.django_db
def test_nothing_to_insert_is_no_statement(django_assert_num_queries: object) -> None:
    with django_assert_num_queries(0):  # type: ignore[operator]
        inserting.insert(Subscriber, COLUMNS, [])
