"""Run inside a house's environment: what is there before its people come to work."""

from __future__ import annotations

import sys

import django

django.setup()

from django.contrib.auth.models import Group, User  # noqa: E402
from django.utils import timezone  # noqa: E402

from config.demo import preparation  # noqa: E402
from config.staff import roles  # noqa: E402
from distribution.mirror import template_sync  # noqa: E402
from phonepool.cloud_api import client  # noqa: E402

preparation.set_up_pool(preparation.POOL)
template_sync.sync(client.client(), now=timezone.now())
for role in (roles.EDITOR, roles.APPROVER, roles.OPERATOR):
    person = User.objects.create_user(role.lower(), password=sys.argv[1], is_staff=True)
    person.groups.add(Group.objects.get(name=role))
