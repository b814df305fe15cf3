"""Actions that need a confirmation: the page that asks, and their entry in the audit log.

The pages of all apps use it: people, the pool, distributions, webhooks, staff. An action is
performed once, on exactly what its page displayed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar, cast

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin, helpers
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.functional import Promise
from unfold.decorators import action

from subscribers.admin import decision_form, form_keys
from subscribers.admin.decision_form import Act, Asked
from subscribers.admin.page_frame import framed, staff_user
from subscribers.admin.shown_rows import Selection

REASON_LIMIT = 150  # characters: with a name and a time it fits every column that stores it
CONFIRMED = "confirmed"
# The fields that make a bulk action's second request choose the same rows.
SELECTION = ("action", "select_across", "index")
ROWS_LOGGED = 50  # of one bulk action; more of them share one entry
NOTHING = "This is not possible for anything you selected. Nothing was done."
Page = TypeVar("Page", bound=Callable[..., Any])


def action_button(
    description: str | Promise, *, permissions: Sequence[str], icon: str = ""
) -> Callable[[Page], Page]:
    """A button at the top that opens its own page; refused without the permissions.

    A repetition of what was done is no refusal, though the action may have ended its permission.
    """

    def decorate(page: Page) -> Page:
        checked = action(description=description, permissions=permissions, icon=icon)(page)

        @wraps(checked)
        def once(model_admin: Any, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if request.method == "POST":
                earlier = form_keys.earlier_result(request, form_keys.DONE_ALREADY)
                if earlier is not None:
                    return earlier
            return checked(model_admin, request, *args, **kwargs)

        return cast(Page, once)

    return decorate


class ReasonForm(forms.Form):
    """Why the action is taken; kept in the audit log."""

    reason = forms.CharField(
        max_length=REASON_LIMIT,
        label="Reason",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True}),
        help_text="Kept in the audit log with your name.",
        error_messages={"required": "Enter a reason. It is kept in the audit log."},
    )


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the page says before an action is performed: what follows, and on which `rows`.

    `facts` are the state that it is about, by label: told if they change before it is confirmed.
    What `detail`, a template with this `context` and these `styles`, shows may change meanwhile.
    """

    title: str
    consequences: Sequence[Any]  # texts, lazy ones too
    button: str
    rows: Selection | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    lists_rows: bool = True
    is_dangerous: bool = True  # the colour of the button
    keep: str = ""  # the words of the way back, unless "Back"
    refusal: str = ""  # why it is not possible: then nothing can be confirmed
    detail: str = ""
    styles: Sequence[str] = ()
    context: Mapping[str, Any] = field(default_factory=dict)

    def asked(self, of: str = "") -> Asked:
        facts = {"What happens": "\n".join(map(str, self.consequences)), **self.facts}
        return Asked(of, facts, self.rows)


def confirm(
    model_admin: ModelAdmin[Any],
    request: HttpRequest,
    page: Confirmation,
    act: Act,
    *,
    back: str,
    form_class: type[forms.Form] = ReasonForm,
    is_repeatable: bool = False,
    hidden: Sequence[tuple[str, Any]] = (),
) -> HttpResponseBase:
    """An action behind a button: first its page, then `act` with the fields of the form, then its
    response or `back`.

    With rows, `act` takes their primary keys first. `is_repeatable`: a second click does it again.
    `hidden` are fields by which the second request names the same rows.
    """
    return decision_form.decide(
        request,
        page.asked(),
        form_class=form_class,
        is_sent=request.method == "POST",
        render=_renderer(model_admin, request, page, back=back, hidden=hidden),
        act=act,
        back=back,
        is_repeatable=is_repeatable,
    )


def confirm_selected(
    model_admin: ModelAdmin[Any],
    request: HttpRequest,
    page: Confirmation,
    act: Act,
    *,
    form_class: type[forms.Form] = ReasonForm,
    is_repeatable: bool = False,
) -> HttpResponseBase | None:
    """A bulk action: first its page, whose form posts the action again, then `act` with the
    primary keys of the page's rows and the fields of the form; then its response or the list.
    """
    is_sent, back = CONFIRMED in request.POST, request.get_full_path()
    if not is_sent and page.rows is not None and not page.rows.rows.exists():
        model_admin.message_user(request, NOTHING, messages.WARNING)
        return None
    names = [*SELECTION, helpers.ACTION_CHECKBOX_NAME]
    if request.POST.get("select_across") == "1":
        names.remove(helpers.ACTION_CHECKBOX_NAME)
    selection = [(name, value) for name in names for value in request.POST.getlist(name)]
    hidden = [*selection, (CONFIRMED, "yes")]
    return decision_form.decide(
        request,
        page.asked(of=request.POST.get("action", "")),
        form_class=form_class,
        is_sent=is_sent,
        render=_renderer(model_admin, request, page, back=back, hidden=hidden),
        act=act,
        back=back,
        is_repeatable=is_repeatable,
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
    """A bulk action that is `act` with each row of the page and the reason; each is logged.

    `done` is formatted with the count of rows of which `act` did not return False.
    """
    rows = page.rows
    assert rows is not None

    def act_on_all(pks: Sequence[int], reason: str) -> None:
        changed = [row.pk for row in rows.each(pks) if act(row, reason) is not False]
        log_rows(model_admin, request, rows, changed, entry, reason=reason)
        model_admin.message_user(request, done.format(len(changed)), messages.SUCCESS)

    return confirm_selected(model_admin, request, page, act_on_all)


def confirm_all_pages(
    model_admin: ModelAdmin[Any],
    request: HttpRequest,
    page: Confirmation,
    act: Callable[[Sequence[int]], None],
) -> HttpResponseBase | None:
    """A bulk action without a reason: at once on rows that were ticked, so seen; only "select all"
    of several pages has a page first, which names them.
    """
    assert page.rows is not None
    if request.POST.get("select_across") == "1":
        return confirm_selected(model_admin, request, page, act, form_class=forms.Form)
    act(page.rows.read().pks)
    return None


def _renderer(
    model_admin: ModelAdmin[Any], request: HttpRequest, page: Confirmation, **context: Any
) -> decision_form.Render:
    def render(form: forms.Form, **marks: Any) -> HttpResponse:
        template = "admin/confirm_with_reason.html"
        names = page.rows.names(marks["pks"]) if page.rows and page.lists_rows else []
        return framed(
            model_admin,
            request,
            template,
            title=page.title,
            page=page,
            names=names,
            form=form,
            **page.context,
            **context,
            **marks,
        )

    return render


def log_rows(
    model_admin: ModelAdmin[Any],
    request: HttpRequest,
    rows: Selection,
    pks: Sequence[int],
    act: str,
    **facts: Any,
) -> None:
    """One entry for each of these rows; of more than ROWS_LOGGED, one for all, with the count."""
    if len(pks) > ROWS_LOGGED:
        facts["after"] = {"rows": len(pks), "first_ids": pks[:ROWS_LOGGED], "last_id": pks[-1]}
        log_many(request, rows.rows.model, len(pks), act, **facts)
        return
    for row in rows.each(pks):
        log_action(model_admin, request, row, act, **facts)


def log_many(request: HttpRequest, model: type[Model], count: int, act: str, **facts: Any) -> None:
    """One entry about many rows, which names how many instead of one of them."""
    name = model._meta.verbose_name if count == 1 else model._meta.verbose_name_plural
    LogEntry.objects.create(
        user=staff_user(request),
        content_type=ContentType.objects.get_for_model(model),
        object_repr=f"{count:,} {name}",
        action_flag=CHANGE,
        change_message=json.dumps([{"act": act, **facts}], cls=DjangoJSONEncoder),
    )


def log_action(
    model_admin: ModelAdmin[Any], request: HttpRequest, target: Model, act: str, **facts: Any
) -> None:
    """Add an entry to the audit log: `reason`, `before` and `after` as far as given."""
    model_admin.log_change(request, target, [{"act": act, **facts}])
