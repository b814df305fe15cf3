from __future__ import annotations

import re
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.management.base import CommandError
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.models.signals import post_migrate, pre_migrate

OURS = ("distribution", "phonepool", "subscribers", "webhooks")  # the apps with migrations
OLDER_DATABASE = (
    "This database was made by a version of Daybreak before its first release, whose migrations "
    "no longer exist: start afresh with an empty one (remove the folder var/, or create a new "
    "PostgreSQL database and name it in DATABASE_URL)."
)


class ConfigConfig(AppConfig):
    """Makes the project's commands (up, demo, worker, sandbox) available to manage.py."""

    name = "config"

    def ready(self) -> None:
        from config.monitoring.sentry import start_sentry  # needs the models
        from config.setup import deploy_check, time_limits  # noqa: F401 - register checks
        from config.staff import (  # noqa: F401 - most connect signals
            audit_log,
            log_erasure,
            names,
            roles,
            sessions,
            sign_in_log,
        )
        from config.staff.encrypted_devices import encrypt_columns
        from config.web import field_key_check, proxy_check  # noqa: F401 - register checks
        from subscribers.people import personal_data

        encrypt_columns()
        names.give()

        post_migrate.connect(names.rename_permissions, sender=roles.last_app_with_models())
        post_migrate.connect(roles.create_roles, sender=roles.last_app_with_models())
        pre_migrate.connect(refuse_older_database, sender=roles.last_app_with_models())
        personal_data.register(log_erasure.PLACE)
        start_sentry(settings.SENTRY_DSN)


def refuse_older_database(*, using: str, **_: Any) -> None:
    """CommandError when a migration of our apps is recorded in the database but no longer exists.

    Django would add what it takes for missing to a schema that has it already, and fail half-way.
    Later ones than we know are those of a newer version that was rolled back.
    Migrations only add, so its tables serve us, too.
    """
    known = MigrationLoader(None).disk_migrations
    newest = {app: max(_number(name) for other, name in known if other == app) for app in OURS}
    for app, name in MigrationRecorder(connections[using]).applied_migrations():
        if app in OURS and (app, name) not in known and _number(name) <= newest[app]:
            raise CommandError(OLDER_DATABASE)


def _number(name: str) -> int:
    """Of `0004_verified_numbers` 4, of `0001_squashed_0018` 18."""
    return max(map(int, re.findall(r"\d{4}", name)), default=0)
