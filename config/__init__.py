"""The top of the house: settings, Celery, routes and the launcher. Nobody imports it."""

from __future__ import annotations

from config.celery import app as celery_app

__all__ = ["celery_app"]
