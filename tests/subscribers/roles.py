"""Staff with a role, for tests over HTTP."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client

from config.staff import roles

ROLES = roles.ROLES


def a_client(role: str) -> Client:
    """A client signed in with that role."""
    roles.create_roles()
    user: Any = get_user_model().objects.create_user(
        f"{role.lower()}-1", password="irrelevant here", is_staff=True
    )
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


def log_messages() -> list[str]:
    """The messages of the audit log's entries about rows, the oldest first; without sign-ins."""
    entries = LogEntry.objects.filter(content_type__app_label__in=["subscribers", "phonepool"])
    return [entry.change_message for entry in entries.order_by("pk")]
