"""Whoever writes or reads a date or a time in the admin is told whose: India's."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django import forms
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from django.utils import formats, timezone

from subscribers.admin import zone
from subscribers.models import ConsentEvent
from tests import builders
from tests.admin.routes import MAKERS, PAGES

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).parents[2]
MOMENT = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)
TYPES = ("date", "time", "datetime-local")
CLASSES = ("vDateField", "vTimeField")
APPS = ("config", "distribution", "phonepool", "subscribers", "webhooks")
# Times that no person reads as a time of day here, by the file they are written in.
OTHERS = {
    "config/settings/logs.py",  # in UTC, with a Z
    "config/demo/environment.py",  # the value of a setting
    "config/demo/day.py",  # the word IST stands behind it
    "config/demo/report.py",  # the same
    "config/preflight/run.py",  # a key, which nobody reads
    "distribution/api/resources/timetable.py",  # a value for programs
    "config/formats/en/formats.py",  # what people may type
    "config/staff/empty_lists.py",  # the word IST stands behind it
    "distribution/models/timetable.py",  # the same
    "distribution/mirror/account_notices.py",  # the same
}


class _Fields(HTMLParser):
    """The inputs of dates and times in a page."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        is_ours = given.get("type") in TYPES or any(
            one in given.get("class", "").split() for one in CLASSES
        )
        if tag == "input" and is_ours:
            self.names.append(given.get("name", ""))


@pytest.fixture
def boss() -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("boss"))
    return client


def fields_of(page: str) -> list[str]:
    reader = _Fields()
    reader.feed(page)
    return reader.names


def addresses() -> dict[str, str]:
    """Every page with a form, and the list of each model."""
    person = builders.a_subscriber()
    found = {"pause": reverse("admin:subscribers_subscriber_pause_person", args=[person.pk])}
    for model in PAGES:
        row = MAKERS[model]()
        for page, args in (("changelist", []), ("add", []), ("change", [row.pk])):
            found[f"{model} {page}"] = reverse(f"admin:{model}_{page}", args=args)
    return found


def test_every_field_of_a_date_or_a_time_names_the_zone(boss):
    unnamed, seen = [], set()
    for name, address in addresses().items():
        answer = boss.get(address)
        if answer.status_code != 200:
            continue
        page = answer.content.decode()
        fields = fields_of(page)
        seen.update(fields)
        if fields and "Indian Standard Time" not in page:
            unnamed.append((name, fields))
    assert unnamed == []
    assert {"from_day", "time", "day", "at_0", "at_1", "resumes_on"} <= seen


def test_a_moment_is_shown_with_its_zone():
    assert formats.localize(timezone.localtime(MOMENT)) == "24 Nov 2026, 06:00:00 IST"
    assert formats.date_format(timezone.localtime(MOMENT), "SHORT_DATETIME_FORMAT") == (
        "24 Nov 2026, 06:00 IST"
    )
    assert formats.time_format(timezone.localtime(MOMENT).time()) == "06:00 IST"


def test_no_template_writes_a_time_of_day_without_its_zone():
    bare = re.compile(r'(?:date|time):"[^"]*[HGhg]:i(?![^"]* T")[^"]*"')
    found = {
        f"{path.relative_to(ROOT)}: {one}"
        for path in (ROOT / "templates").rglob("*.html")
        for one in bare.findall(path.read_text())
    }
    assert found == set()


def test_no_sentence_writes_a_time_of_day_without_its_zone():
    found = {
        str(path.relative_to(ROOT))
        for app in APPS
        for path in (ROOT / app).rglob("*.py")
        if re.search(r"%H:%M(?!:%S| %Z)|%H:%M:%S(?! %Z)", path.read_text())
    }
    assert found <= OTHERS


DAYS = ("30/11/2026", "30 Nov 2026", "30 November 2026", "30-11-2026", "2026-11-30", "30.11.2026")
TIMES = ("6:30 am", "6.30", "06:30", "6:30AM", "6.30 AM", "06:30:00")


@pytest.mark.parametrize("text", DAYS)
def test_days_are_understood_as_people_in_india_write_them(text):
    assert forms.DateField().clean(text) == date(2026, 11, 30)


@pytest.mark.parametrize("text", TIMES)
def test_times_are_understood_as_people_in_india_write_them(text):
    assert forms.TimeField().clean(text) == time(6, 30)
    at = forms.DateTimeField().clean(f"30/11/2026 {text}")
    assert timezone.localtime(at).isoformat() == "2026-11-30T06:30:00+05:30"


def test_half_past_six_in_the_evening_is_no_morning():
    assert forms.TimeField().clean("6:30 pm") == time(18, 30)


def test_a_month_is_never_taken_for_a_day():
    with pytest.raises(forms.ValidationError):
        forms.DateField().clean("11/30/2026")


def test_a_daily_time_is_typed_the_indian_way_and_shown_without_seconds(boss):
    add = reverse("admin:distribution_dailytime_add")
    page = boss.get(add).content.decode()
    assert 'placeholder="30/11/2026"' in page
    assert 'placeholder="6:30 am"' in page
    key = re.search(r'name="form_key" value="([^"]+)"', page)
    day = timezone.localdate() + timedelta(days=40)
    data = {"from_day": f"{day:%d/%m/%Y}", "time": "6.30 am", "reason": "x"}
    sent = boss.post(add, {**data, "form_key": key[1] if key else ""})
    assert sent.status_code == 302, sent.content.decode()
    shown = boss.get(reverse("admin:distribution_dailytime_changelist")).content.decode()
    assert "06:30 IST" in shown
    assert "06:30:00" not in shown


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        (
            "OPT_IN on line 4, 2026-10-25T21:24:35.251485+00:00",
            "OPT_IN on line 4, 26 Oct 2026, 02:54:35 IST",
        ),
        ("2026-10-25T21:24:35Z and 2026-10-26T02:54:35+05:30", f"{'26 Oct 2026, 02:54:35 IST'}"),
        ("on 2026-10-25, wamid.2026-10-25", "on 2026-10-25, wamid.2026-10-25"),
        ("2026-13-45T99:99:99Z", "2026-13-45T99:99:99Z"),
    ],
)
def test_moments_in_evidence_are_told_in_indian_time(stored, told):
    shown = zone.shown_in_india(stored)
    assert told in shown
    assert "T21:24" not in shown


def test_the_consent_history_shows_no_time_of_another_zone():
    person = builders.a_subscriber()
    ConsentEvent.objects.create(
        subscriber=person,
        kind=ConsentEvent.Kind.OPT_IN,
        source="import:list.csv",
        evidence="OPT_IN on line 4, 2026-10-25T21:24:35.251485+00:00",
        at=MOMENT,
    )
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    page = client.get(reverse("admin:subscribers_subscriber_change", args=[person.pk]))
    assert "OPT_IN on line 4, 26 Oct 2026, 02:54:35 IST" in page.content.decode()
    assert "+00:00" not in page.content.decode()
