"""What others' apps and models are called here: the same in sidebar, pages, search, roles and log.

Their classes are not ours to edit. Migrations read what a class was declared with, so that these
names change no migration.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib.auth.models import Permission
from django.utils.translation import gettext_lazy as _

APPS = {
    "auth": _("System"),
    "axes": _("System"),
    "distribution": _("Sending"),
    "phonepool": _("Phone pool"),
    "subscribers": _("Subscribers"),
    "webhooks": _("System"),
}
MODELS = {
    "auth.User": (_("staff account"), _("staff")),
    "auth.Group": (_("role"), _("roles")),
    "admin.LogEntry": (_("audit log entry"), _("audit log")),
    "axes.AccessAttempt": (_("sign-in failure"), _("sign-in failures")),
    "distribution.Notification": (_("sent notification"), _("sent notifications")),
}
DEFAULT_PERMISSIONS = ("add", "change", "delete", "view")


def give() -> None:
    """Call it once the models are loaded."""
    for label, name in APPS.items():
        apps.get_app_config(label).verbose_name = name
    for label, (one, several) in MODELS.items():
        options = apps.get_model(label)._meta
        options.verbose_name, options.verbose_name_plural = one, several
    setattr(apps.get_model("axes.AccessAttempt"), "__str__", _name_of_failure)  # noqa: B010


def _name_of_failure(attempt: Any) -> str:
    """Its own has a moment in UTC."""
    return f"{attempt.username or attempt.ip_address}"


def rename_permissions(**_kwargs: Any) -> None:
    """After migrations: permissions that were stored under a model's former name."""
    for permission in Permission.objects.select_related("content_type"):
        model = permission.content_type.model_class()
        action, _separator, name = permission.codename.partition("_")
        if model is None or name != model._meta.model_name or action not in DEFAULT_PERMISSIONS:
            continue
        words = f"Can {action} {model._meta.verbose_name_raw}"
        if permission.name != words:
            Permission.objects.filter(pk=permission.pk).update(name=words)
