from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings

from config.observability import start_sentry


class ConfigConfig(AppConfig):
    """Makes the project's own commands (up, demo, worker, sandbox) known to manage.py."""

    name = "config"

    def ready(self) -> None:
        start_sentry(settings.SENTRY_DSN)
