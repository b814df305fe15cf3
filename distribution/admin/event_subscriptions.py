"""Outgoing events in the admin: subscriptions, and the events posted to them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from distribution.event_webhooks import address_guard, delivery, subscriptions
from distribution.models import EventDelivery, EventKind, EventSubscription, PostState
from subscribers.admin.confirmed_action import (
    Confirmation,
    action_button,
    confirm,
    confirm_all_pages,
    confirm_selected,
    log_action,
    log_rows,
)
from subscribers.admin.deletion import CarefulDeletion
from subscribers.admin.form_keys import Earlier
from subscribers.admin.model_forms import CarefulForms
from subscribers.admin.page_frame import framed, staff_user, viewable_row
from subscribers.admin.read_only import ReadOnlyAdmin
from subscribers.admin.shown_rows import Selection

SHOWN_AGAIN_FOR = timedelta(minutes=10)  # to who sends the form twice
NEW_SECRET = (
    _("The new secret is shown once, on the next page."),
    _(
        "The current secret keeps signing for one more day, next to the new one. An older one "
        "stops working at once."
    ),
)


class SubscriptionForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    kinds = forms.MultipleChoiceField(
        label=_("Event types"),
        choices=EventKind.choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("Leave empty to receive all events, including future ones."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "url" in self.fields:  # not for the built-in one
            self.fields["url"].label = _("URL")
            self.fields["url"].help_text = _("An https:// address that receives the events.")

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"].strip()
        try:
            address_guard.check_reachable(url)
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
    actions_detail = ["send_test"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[EventSubscription]:
        rows: QuerySet[EventSubscription] = super().get_queryset(request)
        waiting = Count("deliveries", filter=Q(deliveries__state=PostState.WAITING))
        dead = Count("deliveries", filter=Q(deliveries__state=PostState.DEAD))
        return rows.annotate(waiting_now=waiting, dead_now=dead)

    def address(self, subscription: EventSubscription) -> str:
        return subscriptions.address_of(subscription) or gettext("(WEBHOOK_STATUS_URL is not set)")

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

    def response_add(
        self, request: HttpRequest, obj: EventSubscription, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The page with the secret, which is shown this once."""
        return self._secrets_page(request, [(obj, obj.secret)])

    def _secrets_page(
        self,
        request: HttpRequest,
        secrets: Sequence[tuple[EventSubscription, str]],
        *,
        rotated: bool = False,
    ) -> HttpResponse:
        title = ngettext("Your new signing secret", "Your new signing secrets", len(secrets))
        page = framed(
            self,
            request,
            "admin/distribution/secrets.html",
            title=title,
            secrets=secrets,
            rotated=rotated,
        )
        if not rotated:
            page.headers["Content-Location"] = reverse(
                "admin:distribution_eventsubscription_change", args=[secrets[0][0].pk]
            )
        return page

    def sent_again(self, request: HttpRequest, earlier: Earlier) -> HttpResponse:
        """Who clicked twice sees the answer to the second click alone: the secret is in it, too."""
        own = EventSubscription.objects.filter(
            created_by=staff_user(request), name=request.POST["name"]
        )
        created = own.filter(created_at__gte=earlier.at).order_by("pk").first()
        if created is not None and timezone.now() - earlier.at < SHOWN_AGAIN_FOR:
            return self._secrets_page(request, [(created, created.secret)])
        return super().sent_again(request, earlier)

    @action(description=_("Rotate secret"), permissions=["change"])
    def change_secret(self, request: HttpRequest, queryset: QuerySet[EventSubscription]) -> Any:
        rows = Selection(queryset, ("name", "url", "secret"))
        page = Confirmation(
            gettext("Rotate secret"),
            [str(text) for text in NEW_SECRET],
            gettext("Rotate secret"),
            rows,
        )

        def change(pks: Sequence[int]) -> HttpResponse:
            given = []
            for subscription in rows.each(pks):
                secret = subscriptions.change_secret(subscription, now=timezone.now())
                log_action(self, request, subscription, "Secret rotated.")
                given.append((subscription, secret))
            return self._secrets_page(request, given, rotated=True)

        return confirm_selected(self, request, page, change, form_class=forms.Form)

    @action_button(_("Send a test event"), permissions=["change"], icon="send")
    def send_test(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        subscription = viewable_row(self, request, object_id)
        address = subscriptions.address_of(subscription)
        consequence = gettext("One signed event of the type “test” is posted to %(url)s now.")
        page = Confirmation(
            gettext("Send a test event"),
            [consequence % {"url": address}],
            gettext("Send test event"),
        )

        def send() -> None:
            result = delivery.post_test(subscription, now=timezone.now())
            log_action(self, request, subscription, "Test event sent.", after=asdict(result))
            if result.ok:
                told = gettext("Test event sent. The receiver responded with %(status)s.")
                self.message_user(request, told % {"status": result.status}, messages.SUCCESS)
            else:
                told = gettext("The test event was not accepted. %(error)s")
                self.message_user(request, told % {"error": result.error}, messages.ERROR)

        back = reverse("admin:distribution_eventsubscription_change", args=[subscription.pk])
        return confirm(
            self, request, page, send, back=back, form_class=forms.Form, is_repeatable=True
        )

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

    @display(description=_("body"))
    def body(self, delivery: EventDelivery) -> str:
        event = delivery.event
        return json.dumps({"id": event.uid, "type": event.kind, "data": event.data}, indent=1)

    @action(description=_("Send again"), permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet[EventDelivery]) -> Any:
        rows = Selection(queryset, ("state", "tries"))
        consequence = gettext(
            "They are posted again with the same ids. Waiting ones stay as they are."
        )
        page = Confirmation(
            gettext("Send events again"), [consequence], gettext("Send again"), rows
        )

        def send_again(pks: Sequence[int]) -> None:
            done = subscriptions.replay(pks, now=timezone.now())
            log_rows(self, request, rows, pks, "Sent again.")
            self.message_user(
                request,
                gettext("Events to be sent again: %(count)s.") % {"count": f"{done:,}"},
                messages.SUCCESS,
            )

        return confirm_all_pages(self, request, page, send_again)

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("distribution.replay_eventdelivery")
