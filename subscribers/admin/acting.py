"""What every act that matters has in common: a page that asks for the reason, and its record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from django import forms
from django.contrib.admin import ModelAdmin, helpers
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Model
from django.http import HttpRequest
from django.template.response import TemplateResponse
from unfold.decorators import action

MAX_REASON = 150
Page = TypeVar("Page", bound=Callable[..., Any])


def button(
    description: str, *, permissions: Sequence[str], icon: str = ""
) -> Callable[[Page], Page]:
    """A page of its own behind a button at the top; refused without the permissions."""
    return cast(
        Callable[[Page], Page], action(description=description, permissions=permissions, icon=icon)
    )


class ReasonForm(forms.Form):
    """Why somebody does it; kept in the audit log."""

    reason = forms.CharField(
        max_length=MAX_REASON,
        label="Reason",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": "Say why: it is kept in the audit log."},
    )


def ask(
    model_admin: ModelAdmin[Any],
    request: HttpRequest,
    form: forms.Form,
    *,
    title: str,
    consequences: list[str],
    button: str,
    back: str,
    hidden: list[tuple[str, str]] | None = None,
) -> TemplateResponse:
    """The page that says what will happen and asks for the reason."""
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": title,
        "form": form,
        "consequences": consequences,
        "button": button,
        "back": back,
        "hidden": hidden or [],
    }
    return TemplateResponse(request, "admin/confirm_with_reason.html", context)


def selection(request: HttpRequest) -> list[tuple[str, str]]:
    """The form fields that make a bulk action's second page choose the same rows."""
    names = ("action", "select_across", "index", helpers.ACTION_CHECKBOX_NAME)
    fields = [(name, value) for name in names for value in request.POST.getlist(name)]
    return [*fields, ("confirmed", "yes")]


def record(
    model_admin: ModelAdmin[Any], request: HttpRequest, target: Model, act: str, **facts: Any
) -> None:
    """A line of the audit log: `reason`, `before`, `after` as far as there are any."""
    model_admin.log_change(request, target, [{"act": act, **facts}])


def username(user: AbstractBaseUser | AnonymousUser) -> str:
    return user.get_username()
