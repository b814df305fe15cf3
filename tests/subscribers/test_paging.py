"""Many rows are read in pages, whichever way the database is reached."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from subscribers.models import Subscriber
from subscribers.paging import in_pages
from tests.builders import some_subscribers

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("cursors", [True, False])
def test_pages_keep_the_order_and_are_read_one_at_a_time(
    cursors: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", not cursors)
    people = some_subscribers(7, name="A")
    wanted = sorted((person.pk for person in people), reverse=True)
    rows = Subscriber.objects.filter(name="A").order_by("-pk")

    with CaptureQueriesContext(
        connection,
    ) as asked:
        reading = in_pages(rows.prefetch_related("identities"), rows_together=3)
        seen = [next(reading).pk]
        first = len(asked)
        Subscriber.objects.filter(pk=wanted[4]).update(name="B")  # no longer selected
        Subscriber.objects.filter(pk=wanted[5]).update(language="hi")
        some_subscribers(1, name="A")  # selected too late
        rest = list(reading)

    assert first == 3  # keys, a page, its prefetched rows
    assert seen + [person.pk for person in rest] == [*wanted[:4], *wanted[5:]]
    assert {person.pk: person.language for person in rest}[wanted[5]] == "hi"
    assert list(in_pages(rows.values_list("name", flat=True), rows_together=2)) == ["A"] * 7
