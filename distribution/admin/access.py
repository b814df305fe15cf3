"""API tokens in the admin: issued, shown once, revoked; never edited, never deleted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from distribution.access import tokens
from distribution.access.permissions import held_scopes
from distribution.admin.evidence import EvidenceAdmin
from distribution.models import ApiToken, Scope
from subscribers.admin import form_keys
from subscribers.admin.confirmed_action import Confirmation, confirm_each
from subscribers.admin.form_keys import Earlier
from subscribers.admin.page_frame import staff_user
from subscribers.admin.shown_rows import Selection

PURPOSE = "API token"
TOLD = ("name", "user", "scopes")  # of a token, on the page that revokes it
SHOWN_AGAIN_FOR = timedelta(minutes=10)  # to who sends the form twice
SUMMARY = ["name", "masked_key", "scope_names", "user", "validity"]
VALIDITY_DAYS = [("90", _("90 days")), ("365", _("1 year")), ("0", _("No expiry"))]


class TokenForm(forms.Form):
    """The name of the program, the user it acts as, its scopes and its validity."""

    name = forms.CharField(
        label=_("Name"),
        max_length=80,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("The program that uses it, such as CRM or portal."),
    )
    user = forms.ModelChoiceField(
        User.objects.filter(is_active=True, is_staff=True).order_by("username"),
        label=_("Acts as"),
        widget=UnfoldAdminSelectWidget,
        help_text=_(
            "The token can do no more than this person's role allows. Neither they nor you can "
            "approve what it submits."
        ),
    )
    lives = forms.ChoiceField(
        choices=VALIDITY_DAYS, initial="365", label=_("Valid for"), widget=UnfoldAdminSelectWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for scope in Scope:
            self.fields[scope.value] = forms.BooleanField(
                required=False,
                label=f"{scope.value.capitalize()}: {scope.label.lower()}",
                widget=UnfoldBooleanSwitchWidget,
            )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.scopes(data):
            raise forms.ValidationError(_("Choose at least one scope."))
        return data

    @staticmethod
    def scopes(data: dict[str, Any]) -> list[str]:
        return [scope for scope in Scope.values if data.get(scope)]

    def expires_at(self, now: datetime) -> datetime | None:
        days = int(self.cleaned_data["lives"])
        return now + timedelta(days=days) if days else None


@admin.register(ApiToken)
class ApiTokenAdmin(EvidenceAdmin):
    list_display = [*SUMMARY, "last_used_at", "expires_at"]
    list_select_related = ["user"]
    list_filter = ["user"]
    search_fields = ["name", "prefix"]
    fields = readonly_fields = [
        *SUMMARY,
        "scopes_now",
        "created_by",
        "created_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
    ]
    actions = ["revoke"]
    form_class = TokenForm
    add_title = _("Create an API token")
    add_template = "admin/distribution/token.html"

    @admin.display(description=_("key"))
    def masked_key(self, token: ApiToken) -> str:
        return f"{token.prefix}…"

    @admin.display(description=_("scopes"))
    def scope_names(self, token: ApiToken) -> str:
        return ", ".join(token.scopes)

    @admin.display(description=_("status"))
    def validity(self, token: ApiToken) -> str:
        if token.revoked_at:
            return gettext("revoked")
        if token.expires_at and token.expires_at <= timezone.now():
            return gettext("expired")
        is_staff = token.user.is_active and token.user.is_staff
        return gettext("active") if is_staff else gettext("owner deactivated")

    @admin.display(description=_("can do now (limited by the owner's role)"))
    def scopes_now(self, token: ApiToken) -> str:
        is_valid = ApiToken.objects.in_force(timezone.now()).filter(pk=token.pk).exists()
        return ", ".join(held_scopes(token.user, token.scopes) if is_valid else []) or gettext(
            "nothing"
        )

    def add(self, request: HttpRequest, form: Any) -> HttpResponse | None:
        """The page with the new key, which is shown this once."""
        now, data = timezone.now(), form.cleaned_data
        scopes = form.scopes(data)
        try:
            token, key = tokens.issue(
                data["name"],
                scopes,
                user=data["user"],
                by=staff_user(request),
                expires_at=form.expires_at(now),
                now=now,
                secret=form_keys.derived_secret(request, PURPOSE),
            )
        except tokens.TokenError as error:
            form.add_error(None, str(error))
            return None
        entry = {"act": "Token created.", "after": {"scopes": scopes, "acts as": str(data["user"])}}
        self.log_addition(request, token, [entry])
        return self._key_page(request, form, token, key)

    def sent_again(self, request: HttpRequest, form: Any, earlier: Earlier) -> HttpResponse:
        """Who clicked twice sees the answer to the second click alone: the key is on it, too."""
        key = tokens.key_of(form_keys.derived_secret(request, PURPOSE))
        token = ApiToken.objects.filter(digest=tokens.digest(key), revoked_at=None).first()
        if token is None or timezone.now() - earlier.at > SHOWN_AGAIN_FOR:
            return super().sent_again(request, form, earlier)
        return self._key_page(request, form, token, key)

    def _key_page(self, request: HttpRequest, form: Any, token: ApiToken, key: str) -> HttpResponse:
        page: Any = self.add_page(
            request, form, title=gettext("Your new API key"), token=token, key=key
        )
        page.context_data["api"] = request.build_absolute_uri(reverse("api:index")).rstrip("/")
        page.headers["Content-Location"] = reverse(
            "admin:distribution_apitoken_change", args=[token.pk]
        )
        return page

    @action(description=_("Revoke"), permissions=["delete"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> Any:
        rows = Selection(queryset.filter(revoked_at=None), TOLD)
        consequence = gettext("Programs that use them stop working at once. This cannot be undone.")
        page = Confirmation(gettext("Revoke API tokens"), [consequence], gettext("Revoke"), rows)

        def revoke(token: ApiToken, _reason: str) -> bool:
            return tokens.revoke(token.pk, now=timezone.now())

        return confirm_each(
            self, request, page, revoke, entry="Token revoked.", done=gettext("Tokens revoked: {}.")
        )
