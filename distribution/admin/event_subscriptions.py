"""Outgoing events in the admin: subscriptions, and the events posted to them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from distribution.event_webhooks import address_guard, subscriptions
from distribution.models import EventDelivery, EventKind, EventSubscription, PostState
from subscribers.admin.confirmed_action import (
    Confirmation,
    confirm_all_pages,
    confirm_selected,
    log_action,
    log_rows,
)
from subscribers.admin.deletion import CarefulDeletion
from subscribers.admin.form_keys import Earlier
from subscribers.admin.model_forms import CarefulForms
from subscribers.admin.page_frame import staff_user
from subscribers.admin.read_only import ReadOnlyAdmin
from subscribers.admin.shown_rows import Selection

SHOWN_AGAIN_FOR = timedelta(minutes=10)  # to who sends the form twice
NEW_SECRET = (
    "The new secret is shown once, after this.",
    "The present one signs beside it for another day; one given before that stops at once.",
)
SHOWN_ONCE = "The secret of “%s”, shown this once: %s"


class SubscriptionForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    kinds = forms.MultipleChoiceField(
        label="Types of events",
        choices=EventKind.choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="None chosen: all of them, also those that are yet to come.",
    )

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"].strip()
        try:
            address_guard.check(url)
        except address_guard.AddressError as error:
            raise forms.ValidationError(str(error)) from None
        return url


class SubscriptionManagersOnly(ModelAdmin):
    """An address may contain a secret: only users who may change subscriptions see them."""

    list_per_page = 50

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("distribution.change_eventsubscription")


@admin.register(EventSubscription)
class EventSubscriptionAdmin(CarefulDeletion, CarefulForms, SubscriptionManagersOnly):
    """No bulk deletion: it would include the built-in subscription."""

    form = SubscriptionForm
    list_display = ["name", "address", "active", "waiting", "dead", "stopped_reason"]
    list_filter = ["active"]
    fields = ["name", "url", "kinds", "active"]
    actions = ["change_secret"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[EventSubscription]:
        rows: QuerySet[EventSubscription] = super().get_queryset(request)
        waiting = Count("deliveries", filter=Q(deliveries__state=PostState.WAITING))
        dead = Count("deliveries", filter=Q(deliveries__state=PostState.DEAD))
        return rows.annotate(waiting_now=waiting, dead_now=dead)

    def address(self, subscription: EventSubscription) -> str:
        return subscriptions.address_of(subscription) or "(WEBHOOK_STATUS_URL is not set)"

    def waiting(self, subscription: Any) -> int:
        return int(subscription.waiting_now)

    def dead(self, subscription: Any) -> int:
        return int(subscription.dead_now)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.created_by = request.user
        if obj.active:
            obj.stopped_reason = ""
        super().save_model(request, obj, form, change)
        if not change:
            self.message_user(request, SHOWN_ONCE % (obj, obj.secret), messages.SUCCESS)

    def sent_again(self, request: HttpRequest, earlier: Earlier) -> HttpResponse:
        """Who clicked twice sees the answer to the second click alone: the secret is in it, too."""
        own = EventSubscription.objects.filter(
            created_by=staff_user(request), name=request.POST["name"]
        )
        created = own.filter(created_at__gte=earlier.at).order_by("pk").first()
        if created is not None and timezone.now() - earlier.at < SHOWN_AGAIN_FOR:
            self.message_user(request, SHOWN_ONCE % (created, created.secret), messages.SUCCESS)
        return super().sent_again(request, earlier)

    @action(
        description="Give a new secret; the old one signs for another day", permissions=["change"]
    )
    def change_secret(self, request: HttpRequest, queryset: QuerySet[EventSubscription]) -> Any:
        rows = Selection(queryset, ("name", "url", "secret"))
        page = Confirmation("Give a new secret", NEW_SECRET, "Give a new secret", rows)

        def change(pks: Sequence[int]) -> None:
            for subscription in rows.each(pks):
                secret = subscriptions.change_secret(subscription, now=timezone.now())
                log_action(self, request, subscription, "Gave a new secret.")
                self.message_user(request, SHOWN_ONCE % (subscription, secret), messages.SUCCESS)

        return confirm_selected(self, request, page, change, form_class=forms.Form)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        is_builtin = isinstance(obj, EventSubscription) and obj.builtin
        return not is_builtin and super().has_delete_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """Name and address of the built-in subscription come from the settings."""
        is_builtin = isinstance(obj, EventSubscription) and obj.builtin
        return ["name", "url"] if is_builtin else []


@admin.register(EventDelivery)
class EventDeliveryAdmin(ReadOnlyAdmin, SubscriptionManagersOnly):
    list_display = ["since", "event", "subscription", "state_badge", "tries", "status", "error"]
    list_filter = ["state", "subscription", "event__kind"]
    list_select_related = ["event", "subscription"]
    show_full_result_count = False
    search_fields = ["event__uid", "event__subject"]
    fields = [
        "event",
        "subscription",
        "state",
        "tries",
        "since",
        "next_at",
        "delivered_at",
        "status",
        "error",
        "body",
    ]
    actions = ["replay"]

    @display(
        description="state",
        ordering="state",
        label={"Waiting": "warning", "Delivered": "success", "Dead": "danger"},
    )
    def state_badge(self, delivery: EventDelivery) -> str:
        return delivery.get_state_display()

    @display(description="what it says")
    def body(self, delivery: EventDelivery) -> str:
        event = delivery.event
        return json.dumps({"id": event.uid, "type": event.kind, "data": event.data}, indent=1)

    @action(description="Send again", permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet[EventDelivery]) -> Any:
        rows = Selection(queryset, ("state", "tries"))
        consequence = "They are posted again under the same ids. Those that wait stay as they are."
        page = Confirmation("Send events again", [consequence], "Send again", rows)

        def send_again(pks: Sequence[int]) -> None:
            done = subscriptions.replay(pks, now=timezone.now())
            log_rows(self, request, rows, pks, "Sent again.")
            self.message_user(request, f"{done} will be sent again.", messages.SUCCESS)

        return confirm_all_pages(self, request, page, send_again)

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("distribution.replay_eventdelivery")
