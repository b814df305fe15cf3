"""Distributions in the admin: the list, a page that says all about one, and what can be done."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
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
from subscribers.admin.read_only import ReadOnlyAdmin

BATCHES_SHOWN = 40  # on a page
TEMPLATE_FOLDER = "admin/distribution/distribution"


@admin.register(Distribution)
class DistributionAdmin(ReadOnlyAdmin):
    list_display = [
        *("day", "kind", "state", "recipients", "accepted_in_time", "delivered_in_time"),
        *("opened_at", "completed_at", "state_reason"),
    ]
    list_filter = ["kind", "state"]
    date_hierarchy = "local_date"

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

    def get_urls(self) -> list[URLPattern]:
        site = self.admin_site.admin_view
        own = [
            path("<int:pk>/do/<str:name>/", site(self.act_view), name="distribution_act"),
            path("<int:pk>/doubts/", site(self.doubts_view), name="distribution_doubts"),
            path("<int:pk>/doubts/decide/", site(self.decide_view), name="distribution_decide"),
        ]
        return [*own, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The page of one distribution."""
        distribution = self.found(request, object_id)
        first = request.GET.get("batch", "")
        start = int(first) if first.isdecimal() and len(first) < 8 else 0
        return self.page(
            request,
            distribution,
            "page.html",
            snapshot=take_snapshot(distribution, now=timezone.now()),
            acts=available_actions(distribution, _user(request)),
            tiers=counts.by_tier(distribution),
            batches=counts.by_batch(distribution, start=start, limit=BATCHES_SHOWN),
            batch_from=start,
            batch_before=max(start - BATCHES_SHOWN, 0),
            batch_next=start + BATCHES_SHOWN
            if start + BATCHES_SHOWN < distribution.batches
            else None,
            slowest=[
                {"delivery": row, "phone": mask_phone(row.phone)}
                for row in counts.slowest(distribution)
            ],
            may_export=request.user.has_perm("distribution.export_delivery"),
        )

    def act_view(self, request: HttpRequest, pk: int, name: str) -> HttpResponse:
        """Ask for a reason; then do it, log it and say what happened."""
        distribution = self.found(request, str(pk))
        act = ACTIONS.get(name)
        if act is None:
            raise Http404
        if not request.user.has_perm(act.permission):
            raise PermissionDenied
        form = ReasonForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            self._do(request, distribution, act, form.cleaned_data["reason"])
            return HttpResponseRedirect(_url(distribution))
        preview = manual_retry.preview(distribution) if name == "retry" else None
        return self.page(
            request,
            distribution,
            "act.html",
            act=act,
            form=form,
            possible=distribution.state in act.states,
            preview=preview,
            nothing_to_do=preview is not None and not preview.safe,
            waiting=control.waiting(distribution.pk),
        )

    def _do(
        self, request: HttpRequest, distribution: Distribution, act: DistributionAction, reason: str
    ) -> None:
        before = {"state": distribution.state}
        try:
            said = act.do(distribution, _user(request), reason, timezone.now())
        except REFUSALS as error:
            said, level = str(error), messages.ERROR
        else:
            level = messages.SUCCESS
        distribution.refresh_from_db()
        done = act.title if level == messages.SUCCESS else f"{act.title}: refused"
        after = {"state": distribution.state, "result": said}
        log_action(self, request, distribution, done, reason=reason, before=before, after=after)
        self.message_user(request, said, level)

    def doubts_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Deliveries of which nobody knows whether they arrived."""
        distribution = self.found(request, str(pk))
        return self.page(
            request, distribution, "doubts.html", **unconfirmed.list_context(request, distribution)
        )

    def decide_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask for a reason, then decide on the chosen ones."""
        distribution = self.found(request, str(pk))
        return unconfirmed.decision_page(self, request, distribution, page=self.page)

    def found(self, request: HttpRequest, object_id: str) -> Distribution:
        """The distribution, if this person may look at it."""
        distribution = self.get_object(request, object_id)
        if distribution is None:
            raise Http404
        if not self.has_view_permission(request, distribution):
            raise PermissionDenied
        return distribution

    def page(
        self, request: HttpRequest, distribution: Distribution, template: str, **context: Any
    ) -> TemplateResponse:
        """One of the pages around a distribution, in the admin's frame."""
        whole = {
            **self.admin_site.each_context(request),
            "title": str(distribution),
            "opts": self.opts,
            "original": distribution,
            "distribution": distribution,
            **context,
        }
        return TemplateResponse(request, f"{TEMPLATE_FOLDER}/{template}", whole)


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # the admin lets nobody else in
    return request.user


def _url(distribution: Distribution) -> str:
    return reverse("admin:distribution_distribution_change", args=[distribution.pk])
