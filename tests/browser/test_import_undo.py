"""An import is undone in the browser: its page, who goes, and the end."""

from __future__ import annotations

import re

from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from subscribers import tasks
from subscribers.importing import jobs
from subscribers.models import ImportJob, Subscriber
from tests.browser.eyes import PHONE
from tests.builders import a_subscriber

PEOPLE = 30


def imported() -> ImportJob:
    a_subscriber(phone="+919800000000", name="Before")
    lines = "".join(f"98{n:08},Person {n}\n" for n in range(PEOPLE))
    now = timezone.now()
    job = jobs.submit(
        f"phone,name\n{lines}".encode(), "june.csv", by="x", now=now, consent_source="Form of June"
    )
    tasks.tend_imports()
    return job


def test_an_import_is_undone_on_its_page(eyes, page, sign_in):
    sign_in("Administrator")
    page.set_viewport_size(PHONE)
    job = imported()
    eyes.visit(reverse("admin:subscribers_importjob_change", args=[job.pk]))
    page.get_by_role("link", name="Undo this import").click()

    expect(page.get_by_text(f"{PEOPLE - 1} people are removed")).to_be_visible()
    expect(page.get_by_text("in 1 person who was here before is not undone")).to_be_visible()
    expect(page.get_by_text("People to remove: the first 20 of 29")).to_be_visible()
    assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    eyes.visit(reverse("admin:subscribers_importjob_undo", args=[job.pk]))
    assert eyes.barriers() == []
    page.get_by_label("Reason").fill("The list of another city")
    page.get_by_role("button", name="Undo import").click()
    expect(page.get_by_role("heading", name="Being undone", exact=True)).to_be_visible()
    tasks.tend_imports()

    expect(page.get_by_text(re.compile(r"29 people\s+removed"))).to_be_visible()
    assert Subscriber.objects.existing().count() == 1
    eyes.assert_clean()
