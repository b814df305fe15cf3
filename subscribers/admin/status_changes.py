"""Decisions about many people at once: the page that asks, and what is written down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.admin import ModelAdmin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from subscribers.admin.confirmed_action import (
    ReasonForm,
    bulk_confirmation_page,
    confirmed_data,
    log_action,
    username,
)
from subscribers.models import ConsentEvent, Subscriber
from subscribers.people import status_changes

Kind = ConsentEvent.Kind
# What a bulk action does: kind of decision, done, and what its page says.
STATUS_CHANGES = {
    "pause": (Kind.PAUSE, "paused", "They get no message until somebody resumes them."),
    "resume": (Kind.RESUME, "resumed", "Who opted out stays opted out: only they can change it."),
    "opt_out": (
        Kind.OPT_OUT,
        "unsubscribed",
        "They get no message any more, and no import brings them back: only they themselves can.",
    ),
}


def confirm_status_change(
    model_admin: ModelAdmin[Any], request: HttpRequest, people: QuerySet[Subscriber], act: str
) -> HttpResponse | None:
    """The confirmation page, or the act itself once it was confirmed with a reason."""
    form = ReasonForm(confirmed_data(request))
    _, done, consequence = STATUS_CHANGES[act]
    if form.is_valid():
        ids = list(people.values_list("pk", flat=True))
        changed = change_statuses(model_admin, request, ids, act, form.cleaned_data["reason"])
        model_admin.message_user(request, f"{changed:,} {done}.")
        return None
    count = people.count()
    chosen = f"{count:,} {'person' if count == 1 else 'people'}"
    return bulk_confirmation_page(
        model_admin,
        request,
        form,
        title=f"{chosen} will be {done}",
        consequences=[f"You chose {chosen}.", consequence],
        button=f"{act.replace('_', ' ').capitalize()} {chosen}",
    )


def change_statuses(
    model_admin: ModelAdmin[Any], request: HttpRequest, ids: Sequence[int], act: str, reason: str
) -> int:
    """One decision for each person, the reason as its evidence; how many statuses changed."""
    now, user = timezone.now(), username(request.user)
    kinds = [STATUS_CHANGES[act][0]]
    changed = status_changes.record_kinds(
        ids, kinds, reason=reason, source=f"admin:{user}", actor=user, now=now
    )
    if ids:
        target = Subscriber.objects.get(pk=min(changed, default=ids[0]))
        facts = {"chosen": len(ids), "changed": len(changed), "first_ids": sorted(changed)[:50]}
        log_action(model_admin, request, target, act.replace("_", " "), reason=reason, after=facts)
    return len(changed)
