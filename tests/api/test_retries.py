"""Failed deliveries, retried by a program under the rules of the admin's page."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from distribution.models import Delivery, Distribution, State
from subscribers.models import Subscriber
from tests import builders
from tests.api.failures import REASON, a_failed_distribution
from tests.api.tokens import a_key, a_program
from tests.distribution.staff import a_member

pytestmark = pytest.mark.django_db
WHY = {"reason": "Meta is well again."}


def url(distribution: Distribution) -> str:
    return f"/api/distribution/{distribution.pk}/retry"


def post(distribution: Distribution, body: Any = WHY, **options: Any) -> Any:
    client = options.get("client") or a_program("distribute")
    return client.post(url(distribution), body, headers=options.get("key") or a_key())


def test_a_preview_counts_and_sends_nothing() -> None:
    builders.some_subscribers(2)
    failed = a_failed_distribution()
    Subscriber.objects.filter(pk=Subscriber.objects.earliest("pk").pk).update(status="PAUSED")
    told = a_program("read").get(url(failed)).json()
    assert (told["safe"], told["unsafe"], told["pointless"], told["unconfirmed"]) == (2, 0, 1, 0)
    assert [(row["safety"], row["reason"], row["count"]) for row in told["reasons"]] == [
        ("safe", REASON, 2),
        ("pointless", REASON, 1),
    ]
    assert Delivery.objects.filter(state=State.FAILED).count() == 3


def test_only_the_safe_ones_are_sent_again_once_and_logged() -> None:
    builders.some_subscribers(2)
    failed, key, client = a_failed_distribution(), a_key(), a_program("distribute")
    Subscriber.objects.filter(pk=Subscriber.objects.earliest("pk").pk).update(status="PAUSED")
    answer = post(failed, {**WHY, "expected": 2}, client=client, key=key)
    assert (answer.status_code, answer.json()["retried"]) == (202, 2)
    assert Delivery.objects.filter(state=State.RETRY_WAIT).count() == 2
    assert Delivery.objects.filter(state=State.FAILED).count() == 1
    again = post(failed, {**WHY, "expected": 2}, client=client, key=key)
    assert (again.content, again["Idempotent-Replayed"]) == (answer.content, "true")
    entry = json.loads(LogEntry.objects.get().change_message)[0]
    assert (entry["reason"], entry["after"]) == (WHY["reason"], {"retried": 2})


def test_another_number_than_expected_sends_nothing() -> None:
    failed = a_failed_distribution()
    answer = post(failed, {**WHY, "expected": 5})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_possible")
    assert "1 can be retried safely now, not 5" in answer.json()["detail"]
    assert not Delivery.objects.filter(state=State.RETRY_WAIT).exists()


def test_another_day_nobody_and_no_reason_are_refused() -> None:
    failed = a_failed_distribution()
    assert post(failed, {}).status_code == 400
    assert post(failed, {"reason": "  "}).status_code == 400
    Distribution.objects.update(local_date="2020-01-01")
    told = post(failed).json()
    assert (told["status"], told["code"]) == (409, "not_possible")
    Distribution.objects.update(local_date=timezone.localdate())
    Subscriber.objects.update(status="PAUSED")
    assert post(failed).json()["code"] == "not_possible"


def test_a_role_that_cannot_retry_in_the_admin_cannot_here() -> None:
    failed = a_failed_distribution()
    owner = a_member("Administrator")
    client = a_program("distribute", "read", user=owner)
    owner.groups.clear()
    owner.user_permissions.set([])
    told = client.post(url(failed), WHY, headers=a_key())
    assert told.status_code in (401, 403)
    operator = a_program("distribute", user=a_member("Operator"))
    assert post(failed, client=operator).status_code == 202
