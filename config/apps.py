from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_migrate


class ConfigConfig(AppConfig):
    """Makes the project's own commands (up, demo, worker, sandbox) known to manage.py."""

    name = "config"

    def ready(self) -> None:
        from config.monitoring.sentry import start_sentry  # needs the models
        from config.staff import audit_log, roles, sessions  # noqa: F401 - the first two only listen

        post_migrate.connect(roles.install, sender=roles.last_app_with_models())
        start_sentry(settings.SENTRY_DSN)
