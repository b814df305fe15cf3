"""The project: settings, Celery, routes, staff accounts, monitoring and the process launcher."""

from __future__ import annotations

from config.celery import app as celery_app

__all__ = ["celery_app"]
