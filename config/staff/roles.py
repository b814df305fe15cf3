"""The five roles of staff: what each may see and do, written out. `migrate` makes them so.

A role of the house's own making is left alone; these five are what this page says.
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

# Nobody's through a role: Django's own plumbing and what only code may touch.
INTERNAL_APPS = ("contenttypes", "sessions")
VIEWED_APPS = (
    "distribution",
    "phonepool",
    "subscribers",
    "webhooks",
)  # whose pages everybody may read

EDITOR_PERMISSIONS = {
    "distribution.add_content",
    "distribution.change_content",
    "distribution.delete_content",
    "distribution.send_test",
    "subscribers.add_subscriber",
    "subscribers.change_subscriber",
    "subscribers.import_subscriber",
}
APPROVER_PERMISSIONS = {"distribution.approve_content", "distribution.approve_late_content"}
OPERATOR_PERMISSIONS = {
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
}


def create_roles(**_: Any) -> None:
    """Make the five groups exactly what this page says; as often as you like."""
    if Group._meta.db_table not in connection.introspection.table_names():
        return  # only some apps were migrated so far
    known = {_name(one): one for one in Permission.objects.select_related("content_type")}
    for role in ROLES:
        group, _created = Group.objects.get_or_create(name=role)
        wanted = {known[name].pk for name in permissions(role, known) if name in known}
        if wanted != set(group.permissions.values_list("pk", flat=True)):
            group.permissions.set(wanted)


def permissions(role: str, known: Iterable[str]) -> set[str]:
    """What a role may do, as `app.codename`, of all permissions that are known."""
    names = set(known)
    if role == ADMINISTRATOR:
        return {name for name in names if not name.startswith(INTERNAL_APPS)}
    seen = {name for name in names if name.startswith(VIEWED_APPS) and ".view_" in name}
    more = {
        EDITOR: EDITOR_PERMISSIONS,
        APPROVER: APPROVER_PERMISSIONS,
        OPERATOR: OPERATOR_PERMISSIONS,
    }
    return seen | (more.get(role, set()) & names)


def _name(permission: Permission) -> str:
    return f"{permission.content_type.app_label}.{permission.codename}"


def last_app_with_models() -> Any:
    """Whose `post_migrate` comes when every app's permissions are there."""
    return [one for one in apps.get_app_configs() if one.models_module is not None][-1]
