"""Distributions in the admin: the list, the page of one, and the actions on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from distribution.admin.distributions import confirming, figures, unconfirmed
from distribution.admin.distributions.actions import (
    ACTIONS,
    REFUSALS,
    Decision,
    DistributionAction,
    available_actions,
)
from distribution.analytics import counts
from distribution.content import outlook, preview
from distribution.cost import figures as costs
from distribution.interventions import manual_retry
from distribution.lifecycle import control
from distribution.models import Distribution, RunRecord
from distribution.records import bundle
from distribution.reporting import dashboard, rungs
from distribution.reporting.snapshot import Snapshot, take_snapshot
from distribution.runtime import india_time
from distribution.runtime.text_formats import percent, relative
from distribution.service_level import sla
from masking.phones import mask_phone
from subscribers import shown_part, slots
from subscribers.admin.confirmed_action import REASON_LIMIT, ReasonForm, confirm, log_action
from subscribers.admin.page_frame import OwnPages, attachment, framed, staff_user, viewable_row
from subscribers.admin.read_only import ReadOnlyAdmin
from subscribers.models import Tier
from subscribers.shown_part import Part

BATCHES_SHOWN, SLOWEST_SHOWN = 40, 10
TEMPLATE_FOLDER = "admin/distribution/distribution"


class StartForm(ReasonForm):
    """Why it is started, and whether people who have the same content get it again."""

    again = forms.BooleanField(
        required=False,
        label=gettext_lazy("Send it again to people who already have this content today"),
        help_text=gettext_lazy(
            "Otherwise the start is refused while another distribution of the day sends the same."
        ),
    )


# Of the others: ReasonForm. Why it is sent was said by who asked for it.
FORMS = {"start": StartForm, "confirm": forms.Form}


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
        "<int:pk>/figures/": ("figures_view", "distribution_figures"),
        "<int:pk>/pause-reason/": ("pause_reason_view", "distribution_pause_reason"),
        "<int:pk>/records/<int:no>/": ("record_view", "distribution_record"),
        "<int:pk>/doubts/": ("unconfirmed_view", "distribution_doubts"),
        "<int:pk>/doubts/decide/": ("decision_view", "distribution_decide"),
    }

    @admin.display(description="day", ordering="local_date")
    def day(self, distribution: Distribution) -> str:
        return f"{distribution.local_date:%a %-d %b %Y}"

    @admin.display(description="accepted in time", ordering="sla_accepted")
    def accepted_in_time(self, distribution: Distribution) -> str:
        return percent(sla.stored_shares(distribution).accepted)

    @admin.display(description="delivered in time", ordering="sla_delivered")
    def delivered_in_time(self, distribution: Distribution) -> str:
        return percent(sla.stored_shares(distribution).delivered)

    def change_view(
        self, request: HttpRequest, object_id: str, *_args: Any, **_kwargs: Any
    ) -> HttpResponse:
        """The page of one distribution."""
        distribution = viewable_row(self, request, object_id)
        first = shown_part.start_of(request)
        batches = counts.by_batch(distribution, start=first, limit=BATCHES_SHOWN)
        slowest = counts.slowest(distribution, SLOWEST_SHOWN)
        now = timezone.now()
        snapshot = take_snapshot(distribution, now=now)
        return self.page(
            request,
            distribution,
            "page.html",
            snapshot=snapshot,
            refresh_ms=figures.refresh_ms(distribution, now),
            cost=costs.of_distribution(distribution),
            cost_so_far=_cost_so_far(distribution, snapshot),
            gst=costs.tax_percent(),
            unexplained=distribution.state_reason.endswith(control.UNEXPLAINED)
            and request.user.has_perm(ACTIONS["pause"].permission),
            actions=[
                action
                for action in available_actions(distribution, staff_user(request))
                if action.name != "retry" or _can_retry(distribution, snapshot, now)
            ],
            tiers=[
                replace(part, name=Tier(part.name).label) for part in counts.by_tier(distribution)
            ],
            batches=batches,
            part=Part(batches, first, distribution.batches, BATCHES_SHOWN),
            slowest=[
                {"delivery": row, "phone": mask_phone(row.phone), "tier": row.get_tier_display()}
                for row in slowest
            ],
            ladder=rungs.of_distribution(distribution),
            message=preview.bubble(distribution.content, None) if distribution.content else None,
            planned_in=relative(distribution.planned_at, now) if not distribution.opened_at else "",
            records=RunRecord.objects.filter(distribution=distribution).order_by("no"),
            slowest_part=Part(slowest, 0, snapshot.reach.delivered, SLOWEST_SHOWN),
        )

    def figures_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The part of its page that changes, for the page's script."""
        html = figures.current(viewable_row(self, request, str(pk)))
        return HttpResponse(html, headers={"Cache-Control": "no-store"})

    def record_view(self, request: HttpRequest, pk: int, no: int) -> HttpResponseBase:
        """A signed record as a file. It holds no personal details."""
        distribution = viewable_row(self, request, str(pk))
        record = get_object_or_404(RunRecord, distribution=distribution, no=no)
        name, kind = bundle.name_of(record), bundle.MEDIA_TYPE
        try:
            return attachment(request, bundle.read(record), name, kind)
        except slots.Busy as busy:
            self.message_user(request, str(busy), messages.WARNING)
            return HttpResponseRedirect(_back(request, distribution))

    def action_view(self, request: HttpRequest, pk: int, name: str) -> HttpResponseBase:
        """Take a reason; then perform the action, log it and show its result."""
        distribution = viewable_row(self, request, str(pk))
        action = ACTIONS.get(name)
        if action is None:
            raise Http404
        if not request.user.has_perm(action.permission):
            raise PermissionDenied
        back = _back(request, distribution)
        if action.at_once and request.method == "POST":
            # Twice is harmless, and an old page's button has to work: no one-time key is asked for.
            reason = request.POST.get("reason", "").strip()[:REASON_LIMIT]
            self._perform(request, distribution, action, reason)
            return HttpResponseRedirect(back)

        def act(*deliveries: Sequence[int], reason: str = "", again: bool = False) -> None:
            if again:
                distribution.again_reason = reason
            self._perform(request, distribution, action, reason, *deliveries)

        page, form_class = confirming.page_of(distribution, action), FORMS.get(name, ReasonForm)
        return confirm(self, request, page, act, back=back, form_class=form_class)

    @method_decorator(require_POST)
    def pause_reason_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Store why somebody paused it with one click."""
        distribution = viewable_row(self, request, str(pk))
        if not request.user.has_perm(ACTIONS["pause"].permission):
            raise PermissionDenied
        reason = request.POST.get("reason", "").strip()[:REASON_LIMIT]
        signed = f"{request.user}: {reason}"
        if not reason:
            self.message_user(request, _("Enter a reason."), messages.ERROR)
        elif control.explain_pause(distribution.pk, reason=signed, now=timezone.now()):
            log_action(self, request, distribution, "Reason for the pause", reason=reason)
            self.message_user(request, _("Reason saved."))
        else:
            words = _("The distribution is no longer paused, or a reason was already given.")
            self.message_user(request, words, messages.WARNING)
        return HttpResponseRedirect(_back(request, distribution))

    def _perform(
        self,
        request: HttpRequest,
        distribution: Distribution,
        action: DistributionAction,
        reason: str,
        deliveries: Sequence[int] = (),
    ) -> None:
        before = {"state": distribution.state}
        decision = Decision(staff_user(request), reason, timezone.now(), deliveries)
        try:
            result = action.perform(distribution, decision)
        except REFUSALS as error:
            act, result, level = f"{action.title}: refused", str(error), messages.ERROR
        else:
            act, level = str(action.title), messages.SUCCESS
        dashboard.shared.clear()
        distribution.refresh_from_db()
        after = {"state": distribution.state, "result": result}
        log_action(self, request, distribution, act, reason=reason, before=before, after=after)
        self.message_user(request, result, level)

    def unconfirmed_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The list of unconfirmed deliveries."""
        distribution = viewable_row(self, request, str(pk))
        context = unconfirmed.list_context(request, distribution)
        return self.page(request, distribution, "unconfirmed.html", **context)

    def decision_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Take a reason, then resend or leave the chosen deliveries."""
        distribution = viewable_row(self, request, str(pk))
        return unconfirmed.decision_page(self, request, distribution)

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


def _can_retry(distribution: Distribution, snapshot: Snapshot, now: datetime) -> bool:
    """Whether a retry would send anything: it is not offered for nothing."""
    today = distribution.local_date == india_time.local_date(now)
    return bool(snapshot.failed and today and manual_retry.preview(distribution).safe)


def _back(request: HttpRequest, distribution: Distribution) -> str:
    """Where the act was begun: on the live dashboard, or on the page of the distribution."""
    if "dashboard" in (request.POST.get("back"), request.GET.get("back")):
        return reverse("dashboard:page")
    return reverse("admin:distribution_distribution_change", args=[distribution.pk])


def _cost_so_far(distribution: Distribution, snapshot: Snapshot) -> str:
    """An estimate while it runs; its cost is summed after it has ended."""
    template = distribution.used_template
    if template is None or not distribution.opened_at:
        return ""
    return outlook.so_far(template.category, snapshot.reach.delivered, on=distribution.local_date)
