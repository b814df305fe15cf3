from __future__ import annotations

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """Makes the project's own commands (up, demo, worker, sandbox) known to manage.py."""

    name = "config"
