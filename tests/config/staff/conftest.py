from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from config.staff import roles
from tests.config.staff.interrupted import PASSWORD


@pytest.fixture
def editor() -> User:
    roles.create_roles()
    user = User.objects.create_user("ada", password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name="Editor"))
    return user


@pytest.fixture
def client(editor) -> Client:
    client = Client(enforce_csrf_checks=True)
    client.force_login(editor)
    return client
