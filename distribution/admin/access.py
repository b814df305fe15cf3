"""Tokens of the API in the admin: made, shown once, revoked; never edited, never deleted."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from distribution.access import tokens
from distribution.models import ApiToken, Scope
from subscribers.admin.confirmed_action import (
    ReasonForm,
    bulk_confirmation_page,
    confirmed_data,
    log_action,
)

VALIDITY_DAYS = [("90", "90 days"), ("365", "A year"), ("0", "For ever")]


class TokenForm(forms.Form):
    """Whose program it is, in whose name it acts, what it may do and for how long."""

    name = forms.CharField(max_length=80, widget=UnfoldAdminTextInputWidget)
    user = forms.ModelChoiceField(
        User.objects.none(),
        label="Acts as",
        widget=UnfoldAdminSelectWidget,
        help_text="Author of what it submits, who then cannot approve it.",
    )
    lives = forms.ChoiceField(
        choices=VALIDITY_DAYS, initial="365", label="Valid for", widget=UnfoldAdminSelectWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["user"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = User.objects.filter(is_active=True).order_by("username")
        for scope in Scope:
            self.fields[scope.value] = forms.BooleanField(
                required=False,
                label=f"{scope.value.capitalize()}: {scope.label.lower()}",
                widget=UnfoldBooleanSwitchWidget,
            )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.scopes(data):
            raise forms.ValidationError("Choose what it may do.")
        return data

    @staticmethod
    def scopes(data: dict[str, Any]) -> list[str]:
        return [scope for scope in Scope.values if data.get(scope)]

    def expires_at(self, now: datetime) -> datetime | None:
        days = int(self.cleaned_data["lives"])
        return now + timedelta(days=days) if days else None


@admin.register(ApiToken)
class ApiTokenAdmin(ModelAdmin):
    list_display = ["name", "shown", "may", "user", "standing", "last_used_at", "expires_at"]
    list_select_related = ["user"]
    list_filter = ["user"]
    search_fields = ["name", "prefix"]
    fields = readonly_fields = [
        *("name", "shown", "may", "user", "standing", "created_by", "created_at"),
        *("expires_at", "last_used_at", "revoked_at"),
    ]
    actions = ["revoke"]

    @admin.display(description="key")
    def shown(self, token: ApiToken) -> str:
        return f"{token.prefix}…"

    @admin.display(description="may")
    def may(self, token: ApiToken) -> str:
        return ", ".join(token.scopes)

    @admin.display(description="standing")
    def standing(self, token: ApiToken) -> str:
        if token.revoked_at:
            return "revoked"
        if token.expires_at and token.expires_at <= timezone.now():
            return "expired"
        return "in force" if token.user.is_active else "its person has left"

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask; then show the key, this once."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = TokenForm(request.POST or None)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,
            "title": "Make an API token",
            "form": form,
            "media": self.media + form.media,
        }
        if request.method == "POST" and form.is_valid():
            context["token"], context["key"] = self._issue(request, form)
            context["title"] = "Keep this key"
        return TemplateResponse(request, "admin/distribution/token.html", context)

    def _issue(self, request: HttpRequest, form: TokenForm) -> tuple[ApiToken, str]:
        assert isinstance(request.user, User)  # the admin lets nobody else in
        now, data = timezone.now(), form.cleaned_data
        scopes = form.scopes(data)
        token, key = tokens.issue(
            data["name"],
            scopes,
            user=data["user"],
            by=request.user,
            expires_at=form.expires_at(now),
            now=now,
        )
        made = {"act": "Made.", "after": {"scopes": scopes, "acts as": str(data["user"])}}
        self.log_addition(request, token, json.dumps([made]))
        return token, key

    @action(description="Revoke", permissions=["delete"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> Any:
        rows = list(queryset.filter(revoked_at=None))
        form = ReasonForm(confirmed_data(request))
        if not form.is_valid():
            return bulk_confirmation_page(
                self,
                request,
                form,
                title="Revoke API tokens",
                consequences=[
                    "Programs that use them are refused from now on. This cannot be undone."
                ],
                rows=rows,
                button="Revoke them",
            )
        for token in rows:
            tokens.revoke(token.pk, now=timezone.now())
            log_action(self, request, token, "Revoked.", reason=form.cleaned_data["reason"])
        self.message_user(request, f"{len(rows)} revoked.", messages.SUCCESS)
        return None

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """May revoke; a page of one offers no deletion, for the rows are evidence."""
        return obj is None and super().has_delete_permission(request, obj)

    def get_actions(self, request: HttpRequest) -> Any:
        return {name: one for name, one in super().get_actions(request).items() if name == "revoke"}
