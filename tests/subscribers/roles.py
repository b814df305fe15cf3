"""Staff with a role, for tests over HTTP."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client

from config import staff

ROLES = staff.ROLES


def a_client(role: str) -> Client:
    """Somebody of that role, signed in."""
    staff.install()
    user: Any = get_user_model().objects.create_user(
        f"{role.lower()}-1", password="irrelevant here", is_staff=True
    )
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client
