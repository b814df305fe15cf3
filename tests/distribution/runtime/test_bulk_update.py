from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.db import connection
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from distribution.models import Alert
from distribution.runtime.bulk_update import update_from

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 0, 30, 0, 123456, tzinfo=UTC)
COLUMNS = {"id": int, "message": str, "closed_at": datetime}
ASSIGN = "message = v.message, closed_at = v.closed_at"


def an_alert(rule: str) -> Alert:
    return Alert.objects.create(rule=rule, severity="WARNING", message="old", opened_at=NOW)


def update(rows: list[dict], where: str = "TRUE") -> int:
    return update_from(Alert, columns=COLUMNS, rows=rows, assign=ASSIGN, where=where)


def row(alert: Alert, message: str | None = "new", closed_at: datetime | None = NOW) -> dict:
    return {"id": alert.pk, "message": message, "closed_at": closed_at}


def messages() -> list[str]:
    return list(Alert.objects.order_by("pk").values_list("message", flat=True))


def test_each_row_gets_its_own_values_in_one_statement(django_assert_num_queries):
    one, _, three = an_alert("a"), an_alert("b"), an_alert("c")

    with django_assert_num_queries(1):
        assert update([row(one, "first"), row(three, "third", None)]) == 2

    assert messages() == ["first", "old", "third"]
    assert list(Alert.objects.order_by("pk").values_list("closed_at", flat=True)) == [
        NOW,
        None,
        None,
    ]


def test_rows_that_do_not_pass_are_left_and_not_counted():
    one, two = an_alert("a"), an_alert("b")

    assert update([row(one), row(two)], where="d.rule = 'b'") == 1
    assert messages() == ["old", "new"]


def test_ids_that_do_not_exist_are_passed_over():
    assert update([{"id": 4711, "message": "x", "closed_at": None}]) == 0


def test_no_rows_are_no_statement(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert update([]) == 0


def test_times_are_stored_as_django_stores_them():
    """Else SQLite, which compares text, would order them wrongly."""
    alert = an_alert("a")
    india = timezone(timedelta(hours=5, minutes=30))
    for moment in (NOW, NOW.replace(microsecond=0), NOW.astimezone(india)):
        update([row(alert, closed_at=moment)])
        with connection.cursor() as cursor:
            cursor.execute("SELECT CAST(closed_at AS text) FROM distribution_alert")
            ours = cursor.fetchone()[0]
            Alert.objects.update(closed_at=moment)
            cursor.execute("SELECT CAST(closed_at AS text) FROM distribution_alert")
            assert ours == cursor.fetchone()[0]


texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=50)


@hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts)
def test_any_text_arrives_unharmed(text):
    alert = Alert.objects.first() or an_alert("a")

    update([row(alert, text)])

    assert messages() == [text]


@pytest.mark.parametrize("value", [0, 1, -1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63)])
def test_large_numbers_keep_every_digit(value):
    alert = an_alert("a")

    update_from(
        Alert,
        columns={"id": int, "number": int},
        rows=[{"id": alert.pk, "number": value}],
        assign="message = CAST(v.number AS text)",
        where="TRUE",
    )

    assert messages() == [str(value)]
