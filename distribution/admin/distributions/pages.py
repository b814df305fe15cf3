"""Distributions in the admin: the list, the page of one, and the actions on it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone

from distribution.admin.distributions import unconfirmed
from distribution.admin.distributions.actions import (
    ACTIONS,
    REFUSALS,
    DistributionAction,
    available_actions,
)
from distribution.analytics import counts
from distribution.interventions import manual_retry
from distribution.lifecycle import control
from distribution.models import Distribution
from distribution.reporting.snapshot import take_snapshot
from distribution.reporting.text_formats import percent
from masking.phones import mask_phone
from subscribers.admin.confirmed_action import ReasonForm, log_action
from subscribers.admin.page_frame import OwnPages, framed, staff_user, viewable_row
from subscribers.admin.read_only import ReadOnlyAdmin

BATCHES_SHOWN = 40
TEMPLATE_FOLDER = "admin/distribution/distribution"


class StartForm(ReasonForm):
    """Why it is started, and whether people who have the same content get it again."""

    again = forms.BooleanField(
        required=False,
        label="Also to people who have the same content today",
        help_text="Otherwise it is refused while another distribution of the day sends the same.",
    )


@admin.register(Distribution)
class DistributionAdmin(OwnPages, ReadOnlyAdmin):
    list_display = [
        "day",
        "kind",
        "state",
        "recipients",
        "accepted_in_time",
        "delivered_in_time",
        "opened_at",
        "completed_at",
        "state_reason",
    ]
    list_filter = ["kind", "state"]
    date_hierarchy = "local_date"
    pages = {
        "<int:pk>/do/<str:name>/": ("action_view", "distribution_act"),
        "<int:pk>/doubts/": ("unconfirmed_view", "distribution_doubts"),
        "<int:pk>/doubts/decide/": ("decision_view", "distribution_decide"),
    }

    @admin.display(description="day", ordering="local_date")
    def day(self, distribution: Distribution) -> str:
        return f"{distribution.local_date:%a %d %b %Y}"

    @admin.display(description="accepted in time", ordering="sla_accepted")
    def accepted_in_time(self, distribution: Distribution) -> str:
        share = distribution.sla_accepted
        return "–" if share is None else percent(share)

    @admin.display(description="delivered in time", ordering="sla_delivered")
    def delivered_in_time(self, distribution: Distribution) -> str:
        share = distribution.sla_delivered
        return "–" if share is None else percent(share)

    def change_view(self, request: HttpRequest, object_id: str, *_: Any, **__: Any) -> HttpResponse:
        """The page of one distribution."""
        distribution = viewable_row(self, request, object_id)
        batch = request.GET.get("batch", "")
        first = int(batch) if batch.isdecimal() and len(batch) < 8 else 0
        following = first + BATCHES_SHOWN
        return self.page(
            request,
            distribution,
            "page.html",
            snapshot=take_snapshot(distribution, now=timezone.now()),
            actions=available_actions(distribution, staff_user(request)),
            tiers=counts.by_tier(distribution),
            batches=counts.by_batch(distribution, start=first, limit=BATCHES_SHOWN),
            first_batch=first,
            earlier_batches=max(first - BATCHES_SHOWN, 0),
            later_batches=following if following < distribution.batches else None,
            slowest=[
                {"delivery": row, "phone": mask_phone(row.phone)}
                for row in counts.slowest(distribution)
            ],
        )

    def action_view(self, request: HttpRequest, pk: int, name: str) -> HttpResponse:
        """Take a reason; then perform the action, log it and show its result."""
        distribution = viewable_row(self, request, str(pk))
        action = ACTIONS.get(name)
        if action is None:
            raise Http404
        if not request.user.has_perm(action.permission):
            raise PermissionDenied
        form = (StartForm if name == "start" else ReasonForm)(request.POST or None)
        if request.method == "POST" and form.is_valid():
            if form.cleaned_data.get("again"):
                distribution.again_reason = form.cleaned_data["reason"]
            self._perform(request, distribution, action, form.cleaned_data["reason"])
            return redirect("admin:distribution_distribution_change", distribution.pk)
        preview = manual_retry.preview(distribution) if name == "retry" else None
        return self.page(
            request,
            distribution,
            "action.html",
            action=action,
            form=form,
            possible=distribution.state in action.states,
            preview=preview,
            nothing_to_do=preview is not None and not preview.safe,
            waiting=control.waiting(distribution.pk),
        )

    def _perform(
        self,
        request: HttpRequest,
        distribution: Distribution,
        action: DistributionAction,
        reason: str,
    ) -> None:
        before = {"state": distribution.state}
        try:
            result = action.perform(distribution, staff_user(request), reason, timezone.now())
        except REFUSALS as error:
            act, result, level = f"{action.title}: refused", str(error), messages.ERROR
        else:
            act, level = action.title, messages.SUCCESS
        distribution.refresh_from_db()
        after = {"state": distribution.state, "result": result}
        log_action(self, request, distribution, act, reason=reason, before=before, after=after)
        self.message_user(request, result, level)

    def unconfirmed_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The list of unconfirmed deliveries."""
        distribution = viewable_row(self, request, str(pk))
        context = unconfirmed.list_context(distribution)
        return self.page(request, distribution, "unconfirmed.html", **context)

    def decision_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Take a reason, then resend or leave the chosen deliveries."""
        distribution = viewable_row(self, request, str(pk))
        return unconfirmed.decision_page(self, request, distribution, page=self.page)

    def page(
        self, request: HttpRequest, distribution: Distribution, template: str, **context: Any
    ) -> TemplateResponse:
        """One of the pages of a distribution, in the admin's frame."""
        return framed(
            self,
            request,
            f"{TEMPLATE_FOLDER}/{template}",
            title=str(distribution),
            original=distribution,
            distribution=distribution,
            **context,
        )
