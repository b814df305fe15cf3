"""Staff by role, signed in."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client

from tests.builders import serial

ROLES = ("Viewer", "Editor", "Approver", "Operator", "Administrator")


def a_client(role: str | None) -> Client:
    """A client signed in as staff with this role; None: without any role."""
    user = get_user_model().objects.create_user(f"{role}-{next(serial)}", is_staff=True)
    if role is not None:
        user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client
