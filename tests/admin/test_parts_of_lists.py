"""A page that shows the first rows of a list says of how many, and leads to the rest."""

from __future__ import annotations

import ast
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from distribution.alerts import moved_people
from distribution.models import Alert, Delivery, Severity
from distribution.reporting.dashboard import shared
from subscribers import shown_part
from subscribers.identity import moves
from subscribers.models import ConsentEvent, ImportJob
from tests import builders
from tests.api.tokens import a_program

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).parents[2]
# Where the code of the screens, the API and the alerts is.
LOOKED_THROUGH = (
    "config/admin",
    "config/staff",
    "distribution/admin",
    "distribution/alerts",
    "distribution/api",
    "distribution/content",
    "distribution/reporting",
    "phonepool/admin.py",
    "subscribers/admin",
    "subscribers/importing",
    "subscribers/management",
    "webhooks/admin.py",
)
# Slices by a named length that do not show the first rows of a list as if they were all.
NO_PARTS = {
    "ACCOUNTS_LIMIT": "accounts with one e-mail address: there are one or two",
    "ALERTS_SHOWN": "dashboard._first counts all of them in the same statement",
    "ALERTS_PER_ROUND": "the others follow in the next round",
    "CHECKS_SHOWN": "a week of comparisons, one a day for each account and category",
    "DELETED_TOGETHER": "a batch of many",
    "DELETE_LIMIT": "a batch of many",
    "FAILED_LOOKED_AT": "whether any can be retried; none of them is shown",
    "ERRORS_SHOWN": "the others are counted behind them",
    "FIELD_EXAMPLES_LIMIT": "examples of the API's document",
    "FINDINGS_TOLD": "examples in a sentence; the page of the content has all",
    "IDS_LOGGED": "stands beside the count",
    "KEPT": "the older test messages of the set-up page are deleted",
    "KEPT_REFUSALS_LIMIT": "stands beside the count",
    "MAX_NAME_LENGTH": "characters of a name, which the check page shows",
    "NAMES_TOLD": "the others are counted behind them",
    "PARAMETER_LIMIT": "characters: what does not fit is a finding",
    "PIECE_BYTES": "the next piece follows",
    "REASON_LIMIT": "characters: the form refuses more",
    "REVIEWS_NAMED": "Today says how many there are, with a link to all of them",
    "REPLIES_SHOWN": "the page says of how many they are the latest",
    "PEOPLE_SHOWN": "a box that finds while one types: more letters find fewer",
    "DELIVERIES_SHOWN": "a month, or those of one id; a Part says of how many",
    "TERM_LIMIT": "characters",
    "ROWS_LIMIT": "one phone or user id has a row or two",
    "ROWS_LOGGED": "stands beside the count",
    "ROWS_PER_ROUND": "the others follow in the next round",
    "ROWS_TOGETHER": "a batch of many",
    "SAMPLED_SUBSCRIBERS": "ContentForm.names_sampled tells of it",
    "SAMPLES_LIMIT": "import_facts tells of how many they are",
    "SCOPE_LENGTH": "characters of a key",
    "SHOWN": "a Part says of how many preflights",
    "SHOWN_LIMIT": "Part, of the count of all who go",
    "SHOWN_REFUSALS": "the command counts the others and names the option for all",
    "SHOWN_TITLE_LENGTH": "characters of a title",
}


@pytest.fixture
def boss() -> Client:
    client = Client()
    user = get_user_model().objects.create_superuser("boss")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def text(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def the_queue(monkeypatch: Any) -> str:
    monkeypatch.setattr("distribution.admin.content.views.QUEUE_LIMIT", 2)
    for days in range(1, 4):
        draft = builders.a_draft(day=timezone.localdate() + timedelta(days=days))
        type(draft).objects.filter(pk=draft.pk).update(
            state="SUBMITTED", submitted_at=timezone.now()
        )
    return reverse("admin:distribution_content_queue")


def the_mornings_of_a_template(monkeypatch: Any) -> str:
    monkeypatch.setattr("distribution.admin.content.templates.DISTRIBUTIONS_SHOWN", 2)
    content = builders.an_approved_content()
    for minutes in range(3):
        at = timezone.now() + timedelta(minutes=minutes)
        builders.a_planned_distribution(at, content=content, kind="ONE_TIME")
    template = content.message_template
    return reverse("admin:distribution_messagetemplate_change", args=[template.pk])


def batches(monkeypatch: Any) -> str:
    monkeypatch.setattr("distribution.admin.distributions.pages.BATCHES_SHOWN", 2)
    distribution = builders.an_open_distribution(3)
    type(distribution).objects.filter(pk=distribution.pk).update(batches=3)
    for place, row in enumerate(Delivery.objects.order_by("pk")):
        Delivery.objects.filter(pk=row.pk).update(batch_no=place)
    return reverse("admin:distribution_distribution_change", args=[distribution.pk])


def unconfirmed_ones(monkeypatch: Any) -> str:
    monkeypatch.setattr("distribution.admin.distributions.unconfirmed.ROWS_LIMIT", 2)
    distribution = builders.an_open_distribution(3)
    Delivery.objects.update(state="UNCONFIRMED", reason="no_report")
    return reverse("admin:distribution_doubts", args=[distribution.pk])


def messages_to_a_person(monkeypatch: Any) -> str:
    monkeypatch.setattr("distribution.reporting.subscriber_history.DELIVERIES_SHOWN", 2)
    person = builders.a_subscriber()
    for minutes in range(3):
        builders.an_open_distribution(
            now=timezone.now() + timedelta(minutes=minutes), kind="ONE_TIME"
        )
    assert Delivery.objects.filter(subscriber=person).count() == 3
    return reverse("admin:subscribers_subscriber_change", args=[person.pk])


PAGED = [
    the_queue,
    the_mornings_of_a_template,
    batches,
    unconfirmed_ones,
    messages_to_a_person,
]


@pytest.mark.parametrize("prepare", PAGED)
def test_a_part_says_of_how_many_it_is_and_leads_to_the_rest(boss, monkeypatch, prepare):
    address = prepare(monkeypatch)

    first = text(boss, address)
    assert "The first 2 of 3." in first
    assert 'href="?from=2"' in first
    rest = text(boss, f"{address}?from=2")
    assert "3 to 3 of 3." in rest
    assert 'href="?from=0"' in rest
    beyond = text(boss, f"{address}?from=900")
    assert "None after 900 of 3." in beyond
    for nonsense in ("abc", "-1", "²", "9" * 40, ""):
        assert "The first 2 of 3." in text(boss, f"{address}?from={nonsense}")


@pytest.mark.parametrize("prepare", PAGED)
def test_a_whole_list_says_nothing(boss, monkeypatch, prepare):
    address = prepare(monkeypatch)
    monkeypatch.undo()
    assert not re.search(r"The first \d+ of", text(boss, address))


def alerts(count: int) -> None:
    for n in range(count):
        facts = {"severity": Severity.WARNING, "message": f"About {n}", "scope": str(n)}
        Alert.objects.create(rule="no_content", opened_at=timezone.now(), **facts)


def test_the_home_and_the_live_board_count_the_alerts_they_leave_out(boss, monkeypatch):
    monkeypatch.setattr("distribution.reporting.today.ALERTS_SHOWN", 2)
    monkeypatch.setattr("distribution.reporting.dashboard.ALERTS_SHOWN", 2)
    alerts(3)
    every = reverse("admin:distribution_alert_changelist")
    shared.clear()

    home = text(boss, reverse("admin:index"))
    assert f'Showing the first 2 of 3. <a href="{every}">' in home
    board = text(boss, reverse("dashboard:page"))
    assert f'Open alerts: the first 2 of 3. <a href="{every}">' in board


def test_the_filter_of_deliveries_says_which_distributions_it_offers(boss, monkeypatch):
    monkeypatch.setattr("distribution.admin.distributions.deliveries.FILTER_CHOICES_LIMIT", 2)
    opened = [
        builders.an_open_distribution(now=timezone.now() - timedelta(minutes=n), kind="ONE_TIME")
        for n in range(3)
    ]
    address = reverse("admin:distribution_delivery_changelist")
    assert "the first 2 of 3" in text(boss, address)
    oldest = text(boss, f"{address}?distribution={opened[2].pk}")
    assert f"distribution={opened[2].pk}" in oldest
    assert str(opened[2]) in oldest


def test_the_slowest_people_are_some_of_all(boss, monkeypatch):
    monkeypatch.setattr("distribution.admin.distributions.pages.SLOWEST_SHOWN", 2)
    distribution = builders.an_open_distribution(3)
    now = timezone.now()
    Delivery.objects.update(
        state="ACCEPTED", progress=2, accepted_at=now, delivered_at=now, reason=""
    )
    page = text(boss, reverse("admin:distribution_distribution_change", args=[distribution.pk]))
    assert "Slowest deliveries: the first 2 of 3" in page
    assert "All deliveries, slowest first" in page


@pytest.mark.parametrize("kind", ["new", "changed", "unchanged", "kept_opted_out", "refused"])
def test_every_list_on_the_page_of_an_import(boss, kind):
    row = {"line": 2, "phone": "+91******0001", "name": "Ravi", "reason": "no", "changes": []}
    job = ImportJob.objects.create(
        filename="june.csv",
        digest="0" * 64,
        state="CHECKED",
        by="boss",
        created_at=timezone.now(),
        counts={"total": 3, kind: 3},
        samples={kind: [row, row]},
    )
    page = text(boss, reverse("admin:subscribers_importjob_change", args=[job.pk]))
    assert ": the first 2 of 3</h2>" in page
    assert "The first rows of your file." in page or "Download all rejected rows" in page


def test_the_names_to_write_are_those_of_a_sample(boss, monkeypatch):
    monkeypatch.setattr("distribution.content.validation.SAMPLED_SUBSCRIBERS", 2)
    body = [{"type": "BODY", "text": "Good morning {{1}}"}]
    template = builders.a_template(components=body)
    for city in ("Pune", "Goa", "Agra"):
        builders.a_subscriber(attributes={"city": city})
    page = text(boss, f"/admin/distribution/content/add/?message_template={template.pk}")
    assert "among the latest 2 of 3 people" in page


def test_an_alert_names_some_and_counts_the_others(monkeypatch):
    monkeypatch.setattr("distribution.alerts.moved_people.NAMED", 2)
    phones = ["+919812345671", "+919812345672", "+919812345673"]
    monkeypatch.setattr(moves, "still_written_to", lambda _since: phones)
    moved_people.refresh(timezone.now())
    message = Alert.objects.get().message
    assert "+91******5671, +91******5672 and 1 more." in message


def test_a_consent_history_in_the_api_says_how_many_events_there_are(monkeypatch):
    monkeypatch.setattr("distribution.api.resources.history.MAX_EVENTS", 2)
    person = builders.a_subscriber()
    for n in range(3):
        ConsentEvent.objects.create(
            subscriber=person, kind="PAUSE", source=f"s{n}", at=timezone.now()
        )
    client = a_program("subscribers")
    address = f"/api/distribution/subscribers/{person.pk}/history"
    first = client.get(address).json()
    assert ([row["source"] for row in first["consent"]], first["consent_total"]) == (
        ["s1", "s2"],
        3,
    )
    rest = client.get(f"{address}?consent_from=2").json()
    assert [row["source"] for row in rest["consent"]] == ["s0"]
    assert client.get(f"{address}?consent_from=x").status_code == 400


def test_a_long_value_says_how_long_it_is():
    assert shown_part.cut("short", 5) == "short"
    assert shown_part.cut("x" * 1234, 10) == "x" * 10 + "… (1,234 characters in all)"


def test_no_other_place_shows_the_first_rows_of_a_list():
    """Who cuts a list by a named length in these packages uses `shown_part`, or stands above."""
    found = set()
    for place in LOOKED_THROUGH:
        path = ROOT / place
        for file in [path] if path.is_file() else path.rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Slice) and isinstance(node.upper, ast.Name | ast.Attribute):
                    name = getattr(node.upper, "id", "") or getattr(node.upper, "attr", "")
                    if name.isupper() and not node.lower:
                        found.add(name)
    assert found - set(NO_PARTS) == set()
