"""Staff members with chosen permissions, and message templates, for the tests of content."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from distribution.models import Content, MessageTemplate
from tests.builders import a_template, serial

RICH = [
    {"type": "HEADER", "format": "IMAGE"},
    {
        "type": "BODY",
        "text": "Good morning {{1}}.\n*Today:* {{2}}",
        "example": {"body_text": [["Asha", "Nifty opens flat"]]},
    },
    {"type": "FOOTER", "text": "Reply STOP to leave"},
    {
        "type": "BUTTONS",
        "buttons": [
            {"type": "QUICK_REPLY", "text": "Thanks"},
            {"type": "URL", "text": "Read on", "url": "https://example.com/{{1}}"},
        ],
    },
]
PLAIN = [RICH[1]]
EDITOR = ("view_content", "add_content", "change_content", "send_test")
APPROVER = ("view_content", "approve_content")
VIEWER = ("view_content", "view_messagetemplate")


def a_plain_template(**fields: Any) -> MessageTemplate:
    return a_template(**{"components": PLAIN, **fields})


def a_rich_template(**fields: Any) -> MessageTemplate:
    return a_template(**{"components": RICH, **fields})


def a_staff_member(*codenames: str, name: str = "") -> Any:
    """A member of staff with just these permissions of distribution."""
    user = get_user_model().objects.create_user(name or f"staff-{next(serial)}", is_staff=True)
    permissions = Permission.objects.filter(
        content_type__app_label="distribution", codename__in=codenames
    )
    assert len(permissions) == len(set(codenames)), codenames
    user.user_permissions.set(permissions)
    return user


def browser(user: Any) -> Client:
    """A client in which the user is signed in."""
    client = Client()
    client.force_login(user)
    return client


def page(content: Content) -> str:
    """The address of a content's page."""
    return reverse("admin:distribution_content_change", args=[content.pk])


def step(content: Content, name: str) -> str:
    """The address of a step of its workflow."""
    return reverse("admin:distribution_content_step", args=[content.pk, name])
