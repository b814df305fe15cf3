"""Subscribers in the admin: details are edited here, consent only through `consent.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin, TabularInline

from subscribers import consent, phones, strangers
from subscribers.models import ConsentEvent, Subscriber

Decide = Callable[..., bool]


class SubscriberForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    def clean_phone(self) -> str:
        try:
            return phones.normalise(self.cleaned_data["phone"])
        except phones.InvalidPhone as error:
            raise forms.ValidationError(str(error)) from error


class ConsentEventInline(TabularInline):
    model = ConsentEvent
    ordering = ("-at", "-id")
    fields = readonly_fields = ("at", "kind", "source", "evidence", "notice", "actor")
    extra = 0

    def has_add_permission(self, *_: Any, **__: Any) -> bool:
        return False

    def has_change_permission(self, *_: Any, **__: Any) -> bool:
        return False

    def has_delete_permission(self, *_: Any, **__: Any) -> bool:
        return False


@admin.register(Subscriber)
class SubscriberAdmin(ModelAdmin):
    form = SubscriberForm
    inlines = (ConsentEventInline,)
    list_display = ("masked_phone", "name", "tier", "status", "language", "updated_at")
    list_filter = ("status", "tier", "language")
    search_fields = ("name", "email")
    search_help_text = "A phone number in any spelling, a name or an email address"
    fields = ("phone", "name", "tier", "status", "language", "email", "attributes")
    readonly_fields = ("status",)
    ordering = ("-id",)
    show_full_result_count = False  # counting a big table twice for one page
    actions = ("pause", "resume", "opt_out")

    @admin.display(description="phone", ordering="phone")
    def masked_phone(self, subscriber: Subscriber) -> str:
        return phones.mask(subscriber.phone)

    @admin.action(description="Pause selected subscribers", permissions=["change"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Subscriber]) -> None:
        self._decide(request, queryset, consent.pause, "paused")

    @admin.action(description="Resume selected subscribers", permissions=["change"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Subscriber]) -> None:
        self._decide(request, queryset, consent.resume, "resumed")

    @admin.action(description="Unsubscribe selected subscribers", permissions=["change"])
    def opt_out(self, request: HttpRequest, queryset: QuerySet[Subscriber]) -> None:
        self._decide(request, queryset, consent.opt_out, "unsubscribed")

    def get_readonly_fields(
        self, _request: HttpRequest, obj: Subscriber | None = None
    ) -> tuple[str, ...]:
        # Another number is another person's consent: add a new subscriber instead.
        return ("phone", "status") if obj else ("status",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Subscriber], search_term: str
    ) -> tuple[QuerySet[Subscriber], bool]:
        try:
            return queryset.filter(phone=phones.normalise(search_term)), False
        except phones.InvalidPhone:
            return super().get_search_results(request, queryset, search_term)

    def has_delete_permission(self, *_: Any, **__: Any) -> bool:
        return False  # the consent events are evidence and refer to it

    def save_model(self, request: HttpRequest, obj: Subscriber, form: Any, change: bool) -> None:
        now = timezone.now()
        obj.updated_at = now
        if change:
            # Not the whole row: a STOP may have come while the form was open.
            obj.save(update_fields=[*form.changed_data, "updated_at"])
            return
        super().save_model(request, obj, form, change)
        user = _name(request.user)
        stop = strangers.stopped([obj.phone]).get(obj.phone)
        if stop is not None:
            consent.record([consent.stop_of_a_stranger(obj.pk, stop)], now=now)
            self.message_user(
                request, "This person said STOP: they stay unsubscribed.", messages.WARNING
            )
            return
        consent.opt_in(obj, source=f"admin:{user}", at=now, now=now, actor=user)

    def _decide(
        self, request: HttpRequest, queryset: QuerySet[Subscriber], decide: Decide, done: str
    ) -> None:
        now, user = timezone.now(), _name(request.user)
        changed = sum(
            decide(subscriber, source=f"admin:{user}", at=now, now=now, actor=user)
            for subscriber in queryset
        )
        self.message_user(request, f"{changed} {done}.")


def _name(user: AbstractBaseUser | AnonymousUser) -> str:
    return user.get_username()
