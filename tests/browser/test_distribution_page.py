"""A distribution's page in a real browser: it follows what is sent, and keeps what is typed."""

from __future__ import annotations

from datetime import timedelta

from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from distribution.lifecycle import control
from distribution.models import Delivery, Distribution, State
from tests.mornings import a_morning


def test_the_page_follows_a_distribution_to_its_end_and_then_stops(eyes, page, sign_in):
    operator = sign_in("Operator")
    now = timezone.now()
    morning = a_morning(20, now=now, local_date=timezone.localdate())
    rows = Distribution.objects.filter(pk=morning.pk)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    eyes.visit(reverse("admin:distribution_distribution_change", args=[morning.pk]))
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    page.locator("details.batches summary").click()
    failed = page.locator(".tile", has_text="Failed").locator(".figure")
    before = int(failed.inner_text())

    one = Delivery.objects.filter(distribution=morning, state=State.ACCEPTED).order_by("pk")[0]
    Delivery.objects.filter(pk=one.pk).update(state=State.FAILED, reason="undeliverable")
    expect(failed).to_have_text(str(before + 1))
    expect(page.locator("details.batches")).to_have_attribute("open", "")

    control.pause(morning.pk, reason=f"{operator}: {control.UNEXPLAINED}", now=timezone.now())
    reason = page.get_by_label("Why was it paused?")
    reason.fill("Wrong pic")  # the form came by itself, and so did Resume
    expect(page.get_by_role("link", name="Resume")).to_be_visible()

    rows.update(state="COMPLETED", completed_at=timezone.now() + timedelta(seconds=1))
    expect(page.get_by_text("Final figures")).to_be_visible()
    expect(page.get_by_role("link", name="Resume")).to_have_count(0)
    expect(reason).to_have_value("Wrong pic")  # what somebody types is not taken away
    expect(page.locator("details.batches")).to_have_attribute("open", "")
    expect(page.locator(".state")).to_have_text("Completed")
    reason.fill("")
    asked.clear()
    page.wait_for_timeout(1_500)
    assert [url for url in asked if "figures" in url] == []
