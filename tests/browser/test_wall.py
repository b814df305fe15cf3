"""The wall in a real browser: what it says when the person who opened it is signed out."""

from __future__ import annotations

import re

from django.contrib.sessions.models import Session
from django.urls import reverse
from playwright.sync_api import expect


def test_the_wall_says_plainly_that_it_is_signed_out(eyes, page, sign_in):
    sign_in("Viewer")
    eyes.visit(reverse("dashboard:page"))
    expect(page.get_by_text(re.compile(r"Signed in until \w+ \d\d:\d\d"))).to_be_visible()
    expect(page.get_by_text("Live", exact=True)).to_be_visible()

    Session.objects.all().delete()
    expect(page.get_by_role("alert")).to_contain_text("You are signed out")
    expect(page.get_by_text("Not up to date")).to_be_visible()
    again = page.get_by_role("link", name="Sign in again").get_attribute("href")
    assert again == f"{reverse('admin:login')}?next={reverse('dashboard:page')}"

    page.goto(str(again))
    expect(page.get_by_label("Username")).to_be_visible()
