"""The Celery app. Its configuration is `celery_config.py`, read when first needed."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("daybreak")
app.config_from_object("config.celery_config")  # by name: settings import this package
app.autodiscover_tasks()
