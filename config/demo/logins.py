"""The people of the demo: one login for each role. Only the administrator is a superuser."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, User

from config.staff import roles

# What each can try, in the order in which a day passes through their hands.
LOGINS = {
    "editor": "write and submit content, import subscribers",
    "approver": "approve content that someone else wrote",
    "operator": "follow the live dashboard, pause, retry, handle phone numbers",
    "administrator": "all of it, and staff, roles, schedule and the audit log",
    "viewer": "see everything, change nothing",
}


def create(password: str) -> dict[str, User]:
    """Create all five with this password."""
    users = get_user_model().objects
    people = {}
    for name in LOGINS:
        if name == "administrator":
            people[name] = users.create_superuser(name, password=password)
            continue
        people[name] = users.create_user(name, password=password, is_staff=True)
        people[name].groups.add(Group.objects.get(name=name.capitalize()))
    assert set(roles.ROLES) == {name.capitalize() for name in LOGINS}
    return people
