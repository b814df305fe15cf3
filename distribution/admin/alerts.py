"""Alerts in the admin."""

from __future__ import annotations

from django.contrib import admin

from distribution.admin.reading import ReadOnly
from distribution.models import Alert


@admin.register(Alert)
class AlertAdmin(ReadOnly):
    list_display = ["opened_at", "severity", "rule", "scope", "message", "closed_at"]
    list_filter = ["severity", "rule"]
