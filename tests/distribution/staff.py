"""Staff by role, signed in."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client

from tests.builders import serial

ROLES = ("Viewer", "Editor", "Approver", "Operator", "Administrator")


def a_member(role: str | None = "Administrator", name: str = "") -> Any:
    """Somebody of the staff with this role; None: without any role."""
    users = get_user_model().objects
    user = users.create_user(name or f"{role}-{next(serial)}", is_staff=True)
    if role is not None:
        user.groups.add(Group.objects.get(name=role))
    return user


def a_client(role: str | None, user: Any = None) -> Client:
    """A client signed in as staff with this role, or as this person."""
    client = Client()
    client.force_login(user or a_member(role))
    return client


def somebody(role: str, name: str = "", **fields: Any) -> Any:
    """A member of staff with an e-mail address."""
    user = a_member(role, name or f"{role.lower()}-{next(serial)}")
    for field, value in {"email": f"{user.username}@example.com", **fields}.items():
        setattr(user, field, value)
    user.save()
    return user
