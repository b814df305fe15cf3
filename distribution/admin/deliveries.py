"""Deliveries and their attempts in the admin, masked."""

from __future__ import annotations

from django.contrib import admin

from distribution.admin.reading import ReadOnly
from distribution.models import Attempt, Delivery
from subscribers.phones import mask


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly):
    list_display = ["pk", "distribution", "masked", "tier", "state", "progress", "reason", "number"]
    list_filter = ["state", "progress", "tier", "reason"]
    list_select_related = ["distribution", "number"]
    exclude = ["phone", "claim_token"]
    show_full_result_count = False

    @admin.display(description="phone")
    def masked(self, delivery: Delivery) -> str:
        return mask(delivery.phone)


@admin.register(Attempt)
class AttemptAdmin(ReadOnly):
    list_display = ["ended_at", "delivery", "outcome", "reason", "code", "number"]
    list_filter = ["outcome", "reason"]
    list_select_related = ["delivery", "number"]
