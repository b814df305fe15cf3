"""Only a number that Meta confirms sends, however it came into the pool; asked of the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from distribution.lifecycle import preflight
from distribution.mirror import number_import, pool_sync
from phonepool.cloud_api import client as cloud
from phonepool.models import PhoneNumber, Portfolio, Waba
from phonepool.numbers import health, pool
from tests.builders import a_number, a_planned_distribution, a_portfolio
from tests.distribution.staff import a_client
from tests.sandbox.harness import ONE, TOKEN, TWO, WABA, SandboxProcess, start
from tests.shown_forms import confirm, form_with

pytestmark = pytest.mark.django_db(transaction=True)
POOL = reverse("admin:phonepool_phonenumber_changelist")
SYNC = reverse("admin:phonepool_phonenumber_sync_now")
NOBODY = "12345"


@pytest.fixture
def meta(settings: Any) -> Iterator[SandboxProcess]:
    sandbox = start()
    settings.WHATSAPP_API_BASE, settings.WHATSAPP_ACCESS_TOKEN = sandbox.url, TOKEN
    settings.WHATSAPP_BUSINESS_ID = WABA
    yield sandbox
    cloud.client().close()
    sandbox.stop()


def synced() -> int:
    return pool_sync.sync(cloud.client(), now=datetime.now(UTC))


def entered_by_hand(meta_id: str, label: str = "primary_1") -> PhoneNumber:
    """Through the form of the admin."""
    browser, address = a_client("Administrator"), reverse("admin:phonepool_phonenumber_add")
    fields = {
        **form_with(browser.get(address), "meta_id"),
        "label": label,
        "meta_id": meta_id,
        "portfolio": str(a_portfolio().pk),
        "rate_per_second": "80",
        "daily_capacity": "100000",
    }
    assert browser.post(address, fields).status_code == 302
    return PhoneNumber.objects.get(meta_id=meta_id)


def page(address: str = POOL) -> str:
    return " ".join(unescape(a_client("Viewer").get(address).content.decode()).split())


def can_send() -> bool:
    now = timezone.now()
    findings = preflight.run_checks(a_planned_distribution(now), now=now)
    ready = not any(finding.rule == "no_number" for finding in findings)
    assert (pool.reserve(1, now=now) is not None) is ready
    return ready


def test_a_number_that_does_not_exist_is_not_verified_and_meta_says_why(
    meta: SandboxProcess,
) -> None:
    number = entered_by_hand(NOBODY)

    assert "Not verified" in page()
    assert "Active" not in page().partition("<tbody")[2].partition("</tbody>")[0]
    assert "High" not in page().partition("<tbody")[2].partition("</tbody>")[0]
    assert not can_send()

    browser = a_client("Operator")
    told = confirm(browser, SYNC, follow=True).content.decode()

    assert "primary_1 is not verified. Meta answered: Unsupported request." in unescape(told)
    assert f"Object with ID '{NOBODY}' does not exist" in unescape(told)
    assert f"Object with ID '{NOBODY}' does not exist" in page(
        reverse("admin:phonepool_phonenumber_change", args=[number.pk])
    )
    assert not can_send()


def test_the_home_page_says_that_the_numbers_are_not_confirmed(meta: SandboxProcess) -> None:
    entered_by_hand(ONE)
    now = timezone.now()
    findings = preflight.run_checks(a_planned_distribution(now), now=now)
    assert [finding.message for finding in findings if finding.rule == "no_number"] == [
        "No phone number can send. Meta has not confirmed the numbers: sync them, or see Set up."
    ]


def test_a_number_that_meta_knows_sends_after_a_sync(meta: SandboxProcess) -> None:
    number = entered_by_hand(ONE)
    assert not can_send()

    assert synced() == 1
    assert can_send()
    number.refresh_from_db()
    assert (number.quality, number.verified_name) == ("HIGH", "Daybreak")
    assert synced() == 0


def test_another_id_is_another_number(meta: SandboxProcess) -> None:
    number = entered_by_hand(ONE)
    synced()
    browser = a_client("Administrator")
    address = reverse("admin:phonepool_phonenumber_change", args=[number.pk])
    browser.post(address, {**form_with(browser.get(address), "meta_id"), "meta_id": NOBODY})

    number.refresh_from_db()
    assert (number.meta_id, number.verified_at, number.quality) == (NOBODY, None, "UNKNOWN")
    assert not can_send()


def test_a_number_that_meta_no_longer_knows_does_not_send(meta: SandboxProcess) -> None:
    number = a_number(meta_id=NOBODY)
    assert can_send()

    synced()

    number.refresh_from_db()
    assert number.verified_at is None
    assert not can_send()


def test_meta_that_does_not_answer_leaves_a_number_as_it_was(meta: SandboxProcess) -> None:
    number = a_number(meta_id=NOBODY)
    meta.control("POST", "outage", {"seconds": 60})

    synced()

    number.refresh_from_db()
    assert number.verified_at is not None
    assert number.meta_answer


def test_a_new_number_without_a_rating_has_the_ceiling_of_medium(meta: SandboxProcess) -> None:
    meta.control("POST", f"number/{ONE}", {"quality": "UNKNOWN"})
    number = entered_by_hand(ONE)
    synced()

    number.refresh_from_db()
    assert (number.quality, health.ceiling(number)) == ("UNKNOWN", 50.0)
    assert can_send()


def test_the_numbers_of_the_environment_come_with_a_sync(
    meta: SandboxProcess, settings: Any
) -> None:
    settings.WHATSAPP_PHONE_NUMBER_IDS = [ONE, "", TWO]

    synced()
    synced()

    rows = PhoneNumber.objects.order_by("label")
    assert list(rows.values_list("label", "meta_id", "role", "state", "waba__meta_id")) == [
        ("backup_1", TWO, "BACKUP", "STANDBY", WABA),
        ("primary_1", ONE, "PRIMARY", "ACTIVE", WABA),
    ]
    assert all(number.is_able for number in rows)
    assert [number.display_number for number in rows] == ["+91 98000 00002", "919800000001"]
    owner = Portfolio.objects.get()
    assert (owner.business_id, owner.name) == ("500000000000001", "Daybreak")
    assert can_send()


def test_the_numbers_of_the_environment_wait_for_meta(meta: SandboxProcess, settings: Any) -> None:
    settings.WHATSAPP_PHONE_NUMBER_IDS = [NOBODY, "", ""]
    meta.control("POST", "account", {"token_ok": False})

    synced()

    number = PhoneNumber.objects.get()
    assert number.verified_at is None
    assert "Meta refused the access token" in number.meta_answer
    assert not can_send()


def test_numbers_are_imported_from_metas_list(meta: SandboxProcess) -> None:
    now = datetime.now(UTC)
    offered = number_import.listed(cloud.client())
    assert [(one.facts.id, one.account, one.is_added) for one in offered] == [
        (ONE, WABA, False),
        (TWO, WABA, False),
    ]

    added = number_import.add(cloud.client(), [ONE, TWO, NOBODY], now=now)

    assert sorted(added) == ["primary_1", "primary_2"]
    assert Waba.objects.get().meta_id == WABA
    assert can_send()
    assert number_import.add(cloud.client(), [ONE, TWO], now=now) == []
