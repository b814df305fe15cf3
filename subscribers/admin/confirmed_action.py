"""Actions that need a reason: the page that confirms them, and their entry in the audit log.

The pages of all apps use it: people, the pool, distributions, webhooks, staff.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin, helpers
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from unfold.decorators import action

from subscribers.admin.page_frame import framed

REASON_LIMIT = 150  # characters: with a name and a time it fits every column that stores it
CONFIRMED = "confirmed"
# The fields that make a bulk action's second request choose the same rows.
SELECTION = ("action", "select_across", "index", helpers.ACTION_CHECKBOX_NAME)
Act = Callable[..., HttpResponseBase | None]  # with the fields of the form
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


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the page says before an action is performed: what follows, and on which `rows`."""

    title: str
    consequences: Sequence[str]
    button: str
    rows: Collection[Any] = ()


def confirm(
    model_admin: ModelAdmin[Any],
    request: HttpRequest,
    page: Confirmation,
    act: Act,
    *,
    back: str,
    form_class: type[forms.Form] = ReasonForm,
) -> HttpResponseBase:
    """An action behind a button: first its page, then `act` with the fields of the form, then its
    response or `back`.
    """
    form = form_class(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return _confirmation_page(model_admin, request, page, form, back=back)
    return act(**form.cleaned_data) or HttpResponseRedirect(back)


def confirm_selected(
    model_admin: ModelAdmin[Any],
    request: HttpRequest,
    page: Confirmation,
    act: Act,
    *,
    form_class: type[forms.Form] = ReasonForm,
) -> HttpResponseBase | None:
    """A bulk action: first its page, whose form posts the action again, then `act`.

    Without a response of `act`, the admin then returns to the list.
    """
    form = form_class(request.POST if CONFIRMED in request.POST else None)
    if form.is_valid():
        return act(**form.cleaned_data)
    selection = [(name, value) for name in SELECTION for value in request.POST.getlist(name)]
    hidden = [*selection, (CONFIRMED, "yes")]
    return _confirmation_page(
        model_admin, request, page, form, back=request.get_full_path(), hidden=hidden
    )


def confirm_each(
    model_admin: ModelAdmin[Any],
    request: HttpRequest,
    page: Confirmation,
    act: Callable[[Any, str], object],
    *,
    entry: str,
    done: str,
) -> HttpResponseBase | None:
    """A bulk action that is `act` with each row of the page and the reason; each is logged."""

    def act_on_all(reason: str) -> None:
        for row in page.rows:
            act(row, reason)
            log_action(model_admin, request, row, entry, reason=reason)
        model_admin.message_user(request, done, messages.SUCCESS)

    return confirm_selected(model_admin, request, page, act_on_all)


def _confirmation_page(
    model_admin: ModelAdmin[Any],
    request: HttpRequest,
    page: Confirmation,
    form: forms.Form,
    **context: Any,
) -> HttpResponse:
    template = "admin/confirm_with_reason.html"
    return framed(model_admin, request, template, title=page.title, page=page, form=form, **context)


def log_action(
    model_admin: ModelAdmin[Any], request: HttpRequest, target: Model, act: str, **facts: Any
) -> None:
    """Add an entry to the audit log: `reason`, `before` and `after` as far as given."""
    model_admin.log_change(request, target, [{"act": act, **facts}])
