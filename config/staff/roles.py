"""The permissions of the five staff roles; `migrate` sets them.

Other groups are left alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.utils.translation import gettext_lazy as _

VIEWER, EDITOR, APPROVER, OPERATOR = "Viewer", "Editor", "Approver", "Operator"
ADMINISTRATOR = "Administrator"
ROLES = (VIEWER, EDITOR, APPROVER, OPERATOR, ADMINISTRATOR)
# What each is for, on the page that gives it to somebody.
EXPLANATIONS = {
    VIEWER: _("Sees content, distributions and subscribers, with phone numbers masked."),
    EDITOR: _("Writes content and submits it for review. Adds, edits and imports subscribers."),
    APPROVER: _(
        "Approves or rejects content written by someone else. Confirms one-time distributions."
    ),
    OPERATOR: _(
        "Runs the day: pause, resume, cancel, retry, one-time distributions, blackout dates, "
        "imports, phone numbers and alerts. Sees whole phone numbers."
    ),
    ADMINISTRATOR: _(
        "Everything, including staff, roles, API tokens, the daily time, exports and the audit log."
    ),
}

# Django's own models that only code writes: no role has their permissions.
INTERNAL_APPS = ("contenttypes", "sessions")


def _views(app: str, models: str) -> set[str]:
    return {f"{app}.view_{model}" for model in models.split()}


# Every role sees what is sent, when, and how it went.
EVERYBODY_VIEWS = _views(
    "distribution",
    "content approval messagetemplate rotationgroup templatedraft distribution delivery alert "
    "onetime dailytime blackoutdate rate cost",
)
VIEWS = {
    VIEWER: _views("distribution", "attempt")
    | _views("subscribers", "subscriber consentevent reply")
    | _views("phonepool", "phonenumber phoneevent"),
    EDITOR: _views("subscribers", "subscriber consentevent importjob reply suppression"),
    APPROVER: set[str](),
    OPERATOR: _views("distribution", "attempt")
    | _views("subscribers", "subscriber consentevent importjob reply suppression")
    | _views("phonepool", "phonenumber phoneevent portfolio waba")
    | _views("webhooks", "webhookevent"),
}

# What a role may do beside viewing; the administrator may do everything.
PERMISSIONS = {
    VIEWER: set[str](),
    EDITOR: {
        "distribution.add_content",
        "distribution.change_content",
        "distribution.delete_content",
        "distribution.send_test",
        "distribution.write_template_draft",
        "subscribers.add_subscriber",
        "subscribers.change_subscriber",
        "subscribers.import_subscriber",
    },
    APPROVER: {
        "distribution.approve_content",
        "distribution.approve_late_content",
        "distribution.confirm_distribution",
        "distribution.approve_template_draft",
    },
    OPERATOR: {
        "distribution.pause_distribution",
        "distribution.cancel_distribution",
        "distribution.start_distribution",
        "distribution.confirm_distribution",
        "distribution.retry_failed",
        "distribution.resend_unconfirmed",
        "distribution.export_delivery",
        "distribution.acknowledge_alert",
        "distribution.sync_templates",
        "distribution.add_rotationgroup",
        "distribution.rotate_templates",
        "distribution.write_template_draft",
        "distribution.create_template",
        "distribution.run_preflight",
        "distribution.add_onetime",
        "distribution.delete_onetime",
        "distribution.add_blackoutdate",
        "distribution.delete_blackoutdate",
        "phonepool.manage_phonenumber",
        "phonepool.sync_phonenumber",
        "subscribers.add_subscriber",
        "subscribers.change_subscriber",
        "subscribers.import_subscriber",
        "subscribers.see_full_phone",
        "webhooks.reprocess_webhookevent",
    },
}


def create_roles(**_signal: Any) -> None:
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
    return (EVERYBODY_VIEWS | VIEWS[role] | PERMISSIONS[role]) & names


def last_app_with_models() -> Any:
    """The app whose `post_migrate` comes last, when the permissions of all apps exist."""
    return [app for app in apps.get_app_configs() if app.models_module is not None][-1]
