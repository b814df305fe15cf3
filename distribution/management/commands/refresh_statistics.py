"""`manage.py refresh_statistics`: what the planner knows of each table, read anew."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from distribution.runtime import statistics


class Command(BaseCommand):
    help = "Refresh the planner's statistics of every table, after a restore or a large import."

    def handle(self, *_: Any, **__: Any) -> None:
        self.stdout.write(f"{statistics.refresh_all()} tables refreshed.")
