"""Actions that need a reason: the page that confirms them, and their entry in the audit log.

The pages of all apps use it: people, the pool, distributions, webhooks, staff.
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

from subscribers.admin.page_frame import framed

REASON_LIMIT = 150  # characters: with a name and a time it fits every column that stores it
CONFIRMED = "confirmed"
Page = TypeVar("Page", bound=Callable[..., Any])


def action_button(
    description: str, *, permissions: Sequence[str], icon: str = ""
) -> Callable[[Page], Page]:
    """A button at the top that opens its own page; refused without the permissions."""
    return cast(
        Callable[[Page], Page], action(description=description, permissions=permissions, icon=icon)
    )


class ReasonForm(forms.Form):
    """Why the action is taken; kept in the audit log."""

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
    """The page that lists the consequences and the `rows` concerned, and takes the reason."""
    return framed(
        model_admin,
        request,
        "admin/confirm_with_reason.html",
        title=title,
        form=form,
        consequences=consequences,
        button=button,
        back=back,
        hidden=hidden or [],
        rows=[str(row) for row in rows],
    )


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
    """An action behind a button: first its page, then `act` with the reason, then `back`."""
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


def confirm_selected(
    model_admin: ModelAdmin[Any],
    request: HttpRequest,
    act: Callable[[str], None],
    *,
    title: str,
    consequences: list[str],
    button: str,
    rows: Iterable[object] = (),
) -> HttpResponse | None:
    """A bulk action: first its page, whose form posts the action again, then `act`.

    None after `act`: the admin then returns to the list.
    """
    form = ReasonForm(confirmed_data(request))
    if not form.is_valid():
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
    act(form.cleaned_data["reason"])
    return None


def confirmed_data(request: HttpRequest) -> QueryDict | None:
    """What a bulk action's page posted; None while the page still has to be shown."""
    return request.POST if CONFIRMED in request.POST else None


def selection_fields(request: HttpRequest) -> list[tuple[str, str]]:
    """The form fields that make a bulk action's second request choose the same rows."""
    names = ("action", "select_across", "index", helpers.ACTION_CHECKBOX_NAME)
    fields = [(name, value) for name in names for value in request.POST.getlist(name)]
    return [*fields, (CONFIRMED, "yes")]


def log_action(
    model_admin: ModelAdmin[Any], request: HttpRequest, target: Model, act: str, **facts: Any
) -> None:
    """Add an entry to the audit log: `reason`, `before` and `after` as far as given."""
    model_admin.log_change(request, target, [{"act": act, **facts}])


def username(user: AbstractBaseUser | AnonymousUser) -> str:
    return user.get_username()
