"""The permissions of the five staff roles; `migrate` sets them.

Other groups are left alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.db import connection

VIEWER, EDITOR, APPROVER, OPERATOR = "Viewer", "Editor", "Approver", "Operator"
ADMINISTRATOR = "Administrator"
ROLES = (VIEWER, EDITOR, APPROVER, OPERATOR, ADMINISTRATOR)

# Django's own models that only code writes: no role has their permissions.
INTERNAL_APPS = ("contenttypes", "sessions")
# Every role may view their pages.
VIEWED_APPS = ("distribution", "phonepool", "subscribers", "webhooks")

# What a role may do beside viewing; the administrator may do everything.
PERMISSIONS = {
    VIEWER: set[str](),
    EDITOR: {
        "distribution.add_content",
        "distribution.change_content",
        "distribution.delete_content",
        "distribution.send_test",
        "subscribers.add_subscriber",
        "subscribers.change_subscriber",
        "subscribers.import_subscriber",
    },
    APPROVER: {"distribution.approve_content", "distribution.approve_late_content"},
    OPERATOR: {
        "distribution.pause_distribution",
        "distribution.cancel_distribution",
        "distribution.start_distribution",
        "distribution.retry_failed",
        "distribution.resend_unconfirmed",
        "distribution.export_delivery",
        "distribution.acknowledge_alert",
        "distribution.sync_templates",
        "phonepool.manage_phonenumber",
        "phonepool.sync_phonenumber",
        "subscribers.change_subscriber",
        "subscribers.see_full_phone",
        "webhooks.reprocess_webhookevent",
    },
}


def create_roles(**_: Any) -> None:
    """Create the five groups with exactly these permissions; idempotent."""
    if Group._meta.db_table not in connection.introspection.table_names():
        return  # not all apps are migrated yet
    stored = Permission.objects.values_list("content_type__app_label", "codename", "pk")
    known = {f"{app}.{codename}": pk for app, codename, pk in stored}
    for role in ROLES:
        group, _created = Group.objects.get_or_create(name=role)
        wanted = {known[name] for name in permissions(role, known)}
        if wanted != set(group.permissions.values_list("pk", flat=True)):
            group.permissions.set(wanted)


def permissions(role: str, known: Iterable[str]) -> set[str]:
    """The permissions of a role, as `app.codename`, among the `known` ones."""
    names = set(known)
    if role == ADMINISTRATOR:
        return {name for name in names if not name.startswith(INTERNAL_APPS)}
    viewing = {name for name in names if name.startswith(VIEWED_APPS) and ".view_" in name}
    return viewing | (PERMISSIONS[role] & names)


def last_app_with_models() -> Any:
    """The app whose `post_migrate` comes last, when the permissions of all apps exist."""
    return [app for app in apps.get_app_configs() if app.models_module is not None][-1]
