"""The five roles: what their page names is there."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission

from config.staff import roles


@pytest.mark.parametrize(
    "named", [roles.PERMISSIONS[role] for role in (roles.EDITOR, roles.APPROVER, roles.OPERATOR)]
)
def test_every_permission_that_a_role_names_exists(db: None, named: set[str]) -> None:
    rows = Permission.objects.values_list("content_type__app_label", "codename")

    assert named - {f"{label}.{codename}" for label, codename in rows} == set()
