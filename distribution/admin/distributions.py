"""Distributions in the admin."""

from __future__ import annotations

from django.contrib import admin

from distribution.admin.reading import ReadOnly
from distribution.models import Distribution


@admin.register(Distribution)
class DistributionAdmin(ReadOnly):
    list_display = [
        *("local_date", "kind", "state", "recipients", "sla_accepted", "sla_delivered"),
        *("opened_at", "completed_at", "state_reason"),
    ]
    list_filter = ["kind", "state"]
