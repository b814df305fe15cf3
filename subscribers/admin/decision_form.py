"""A form that decides: it names what its page displayed, and does once what it says.

When what it displayed is not what is there any more, nothing is done: the page is shown again with
the difference, and asks again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django import forms
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils import timezone

from subscribers.admin import form_keys, shown_rows, shown_version
from subscribers.admin.form_keys import DONE_ALREADY, SentBeforeError
from subscribers.admin.shown_rows import RowSet, Selection
from subscribers.admin.shown_version import Difference, Shown

ROWS_FIELD = "shown_rows"  # the hidden field that refers to the displayed rows
Act = Callable[..., HttpResponseBase | None]  # with the rows' keys, and the fields of the form
# With the form, and by name: pks, shown_version, shown_rows, changed.
Render = Callable[..., HttpResponse]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page asks about: its subject, the facts that it displays, and its rows."""

    of: str
    facts: Mapping[str, str]
    rows: Selection | None = None


def decide(
    request: HttpRequest,
    asked: Asked,
    *,
    form_class: type[forms.Form],
    is_sent: bool,
    render: Render,
    act: Act,
    back: str,
    is_repeatable: bool = False,
) -> HttpResponseBase:
    """The page, or, once its form is sent and nothing changed meanwhile, `act` and its response or
    `back`. `is_repeatable`: sent twice it is done twice, as a download."""
    form = form_class(request.POST if is_sent else None)
    now = asked.rows.read() if asked.rows else None
    shown = _shown(request, asked, now)
    if not is_sent:
        return _page(render, form, shown, now)
    if not is_repeatable:
        earlier = form_keys.earlier_result(request, DONE_ALREADY)
        if earlier is not None:
            return earlier
    changed = _difference(request, asked, shown, now)
    if changed is not None:
        return _page(render, form, shown, now, changed)
    if not form.is_valid():
        return _page(render, form, shown, now)

    def perform() -> HttpResponseBase:
        rows = [] if now is None else [now.pks]
        return act(*rows, **form.cleaned_data) or HttpResponseRedirect(back)

    if is_repeatable:
        return perform()
    try:
        return form_keys.at_most_once(request, back, perform)
    except SentBeforeError as error:
        if error.earlier.same:
            return form_keys.first_result(request, error.earlier, DONE_ALREADY)
        form.add_error(None, str(error))
        return _page(render, form, shown, now)


def _page(
    render: Render,
    form: forms.Form,
    shown: Shown,
    now: RowSet | None,
    changed: Difference | None = None,
) -> HttpResponse:
    reference = shown_rows.store(now, now=timezone.now()) if now is not None else None
    response = render(
        form,
        pks=[] if now is None else now.pks,
        shown_version=shown_version.seal(shown),
        shown_rows="" if reference is None else signing.dumps(reference, salt=shown.of),
        changed=changed,
    )
    response.status_code = 200 if changed is None else 409
    return response


def _shown(request: HttpRequest, asked: Asked, now: RowSet | None) -> Shown:
    facts = shown_version.of_facts(f"{request.path} {asked.of}", asked.facts)
    if now is None:
        return facts
    return Shown(facts.of, f"{facts.version} {now.version}", facts.facts)


def _difference(
    request: HttpRequest, asked: Asked, shown: Shown, now: RowSet | None
) -> Difference | None:
    found = shown_version.difference(request.POST.get(shown_version.FIELD, ""), shown)
    if found is None or asked.rows is None or now is None:
        return found
    try:
        reference = signing.loads(request.POST.get(ROWS_FIELD, ""), salt=shown.of)
    except signing.BadSignature:
        return found
    before = shown_rows.load(reference)
    rows = [] if before is None else shown_rows.differences(before, now, asked.rows)
    return Difference([*found.rows, *rows], found.since)
