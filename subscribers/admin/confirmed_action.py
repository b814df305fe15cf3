"""What every act that matters has in common: a page that asks for the reason, and its record.

It stands here, at the bottom of the pages, because all of them ask: people, the pool, the
distribution, the webhooks, the staff.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar, cast

from django import forms
from django.contrib.admin import ModelAdmin, helpers
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from unfold.decorators import action

REASON_LIMIT = 150  # characters: with a name and a moment it fits wherever it is kept
CONFIRMED = "confirmed"
Page = TypeVar("Page", bound=Callable[..., Any])


def action_button(
    description: str, *, permissions: Sequence[str], icon: str = ""
) -> Callable[[Page], Page]:
    """A page of its own behind a button at the top; refused without the permissions."""
    return cast(
        Callable[[Page], Page], action(description=description, permissions=permissions, icon=icon)
    )


class ReasonForm(forms.Form):
    """Why somebody does it; kept in the audit log."""

    reason = forms.CharField(
        max_length=REASON_LIMIT,
        label="Reason",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True}),
        help_text="Kept in the audit log with your name.",
        error_messages={"required": "Say why: it is kept in the audit log."},
    )


def confirmation_page(
    model_admin: ModelAdmin[Any],
    request: HttpRequest,
    form: forms.Form,
    *,
    title: str,
    consequences: list[str],
    button: str,
    back: str,
    hidden: list[tuple[str, str]] | None = None,
    rows: Iterable[object] = (),
) -> TemplateResponse:
    """The page that says what will happen, to which `rows`, and asks for the reason."""
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": title,
        "form": form,
        "consequences": consequences,
        "button": button,
        "back": back,
        "hidden": hidden or [],
        "rows": [str(row) for row in rows],
    }
    return TemplateResponse(request, "admin/confirm_with_reason.html", context)


def confirm(
    model_admin: ModelAdmin[Any],
    request: HttpRequest,
    form: ReasonForm,
    act: Callable[[str], None],
    *,
    title: str,
    consequences: list[str],
    button: str,
    back: str,
) -> HttpResponse:
    """An act behind a button: its page, then the act with the reason and the way back."""
    if not (request.method == "POST" and form.is_valid()):
        return confirmation_page(
            model_admin,
            request,
            form,
            title=title,
            consequences=consequences,
            button=button,
            back=back,
        )
    act(form.cleaned_data["reason"])
    return HttpResponseRedirect(back)


def bulk_confirmation_page(
    model_admin: ModelAdmin[Any],
    request: HttpRequest,
    form: forms.Form,
    *,
    title: str,
    consequences: list[str],
    button: str,
    rows: Iterable[object] = (),
) -> TemplateResponse:
    """The page of a bulk action: its form posts the same action again, with the reason."""
    return confirmation_page(
        model_admin,
        request,
        form,
        title=title,
        consequences=consequences,
        button=button,
        back=request.get_full_path(),
        hidden=selection_fields(request),
        rows=rows,
    )


def confirmed_data(request: HttpRequest) -> QueryDict | None:
    """What a bulk action's page posted; None while the page still has to be shown."""
    return request.POST if CONFIRMED in request.POST else None


def selection_fields(request: HttpRequest) -> list[tuple[str, str]]:
    """The form fields that make a bulk action's second page choose the same rows."""
    names = ("action", "select_across", "index", helpers.ACTION_CHECKBOX_NAME)
    fields = [(name, value) for name in names for value in request.POST.getlist(name)]
    return [*fields, (CONFIRMED, "yes")]


def log_action(
    model_admin: ModelAdmin[Any], request: HttpRequest, target: Model, act: str, **facts: Any
) -> None:
    """A line of the audit log: `reason`, `before`, `after` as far as there are any."""
    model_admin.log_change(request, target, [{"act": act, **facts}])


def username(user: AbstractBaseUser | AnonymousUser) -> str:
    return user.get_username()
