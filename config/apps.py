from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings


class ConfigConfig(AppConfig):
    """Makes the project's own commands (up, demo, worker, sandbox) known to manage.py."""

    name = "config"

    def ready(self) -> None:
        from config.observability import start_sentry  # it needs the apps' records

        start_sentry(settings.SENTRY_DSN)
