"""Status changes of many people at once: the page that confirms them, and their log entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django import forms
from django.contrib.admin import ModelAdmin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy, gettext_noop

from masking.phones import mask_phone
from subscribers.admin.confirmed_action import (
    Confirmation,
    ReasonForm,
    confirm_selected,
    log_action,
    log_many,
)
from subscribers.admin.page_frame import staff_user
from subscribers.admin.shown_rows import Selection
from subscribers.models import ConsentEvent, Subscriber
from subscribers.people import pauses, status_changes

Kind = ConsentEvent.Kind
IDS_LOGGED = 50  # of the people whose status changed


@dataclass(frozen=True, slots=True)
class StatusChange:
    """One bulk action: the consent event that it adds, and what its page says."""

    kind: ConsentEvent.Kind
    participle: str  # "3 people will be paused"
    consequence: str  # translated where it is shown


STATUS_CHANGES = {
    "pause": StatusChange(
        Kind.PAUSE,
        "paused",
        gettext_noop(
            "They won't receive messages until the date below, or until someone resumes them."
        ),
    ),
    "resume": StatusChange(
        Kind.RESUME,
        "resumed",
        gettext_noop("People who opted out stay opted out. Only they can change that."),
    ),
    "opt_out": StatusChange(
        Kind.OPT_OUT,
        "unsubscribed",
        gettext_noop(
            "They won't receive any more messages. No import brings them back; only they can "
            "subscribe again."
        ),
    ),
}


class PauseForm(ReasonForm):
    """Until when, if that is known, and why."""

    resumes_on = forms.DateField(
        required=False,
        label=gettext_lazy("Resume on"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy(
            "The first day on which they get messages again. Leave empty to pause until someone "
            "resumes them."
        ),
    )

    def clean_resumes_on(self) -> date | None:
        day: date | None = self.cleaned_data["resumes_on"]
        if day is not None and (objection := pauses.objection_to_end(day, timezone.now())):
            raise forms.ValidationError(objection)
        return day


def form_of(name: str) -> type[ReasonForm]:
    """The form that asks about a status change."""
    return PauseForm if name == "pause" else ReasonForm


def told(person: Subscriber) -> str:
    """A person in a list of those who are chosen."""
    return f"{person.name} {mask_phone(person.phone)}".strip()


def confirm_status_change(
    model_admin: ModelAdmin[Any], request: HttpRequest, people: QuerySet[Subscriber], name: str
) -> HttpResponseBase | None:
    """The confirmation page, or the change itself once it is confirmed with a reason."""
    change = STATUS_CHANGES[name]

    def apply(ids: Sequence[int], reason: str, resumes_on: date | None = None) -> None:
        changed = change_statuses(model_admin, request, ids, name, reason, resumes_on=resumes_on)
        model_admin.message_user(request, f"{changed:,} {change.participle}.")

    count = people.count()
    chosen = f"{count:,} {'person' if count == 1 else 'people'}"
    page = Confirmation(
        f"{chosen} will be {change.participle}",
        [f"You chose {chosen}.", gettext(change.consequence)],
        f"{name.replace('_', ' ').capitalize()} {chosen}",
        Selection(people, ("status",), told),
    )
    return confirm_selected(model_admin, request, page, apply, form_class=form_of(name))


def change_statuses(
    model_admin: ModelAdmin[Any],
    request: HttpRequest,
    ids: Sequence[int],
    name: str,
    reason: str,
    *,
    resumes_on: date | None = None,
) -> int:
    """Add one consent event for each person, with the reason; how many statuses changed."""
    now, user = timezone.now(), staff_user(request).username
    kinds = [STATUS_CHANGES[name].kind]
    changed = status_changes.record_kinds(
        ids,
        kinds,
        reason=reason,
        source=f"admin:{user}",
        actor=user,
        now=now,
        resumes_on=resumes_on,
    )
    if ids:
        first = sorted(changed)[:IDS_LOGGED]
        facts = {"chosen": len(ids), "changed": len(changed), "first_ids": first}
        if resumes_on is not None:
            facts["resumes_on"] = resumes_on.isoformat()
        act = name.replace("_", " ")
        if len(ids) > 1:
            log_many(request, Subscriber, len(changed), act, reason=reason, before={}, after=facts)
        else:
            person = Subscriber.objects.get(pk=ids[0])
            log_action(model_admin, request, person, act, reason=reason, after=facts)
    return len(changed)
