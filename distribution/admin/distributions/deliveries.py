"""Deliveries and attempts in the admin: phones masked, one distribution at a time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from distribution.access import full_numbers
from distribution.ledger.reasons import explain
from distribution.models import Attempt, Delivery, Distribution
from distribution.reporting import delivery_export, rungs
from distribution.runtime import india_time
from masking.phones import mask_phone
from masking.texts import mask_text
from subscribers import shown_part
from subscribers.admin.confirmed_action import Confirmation, confirm, log_action
from subscribers.admin.number_search import NumberSearch
from subscribers.admin.page_frame import OwnPages, csv_file
from subscribers.admin.read_only import ReadOnlyAdmin
from subscribers.whole_numbers import whole_number

FILTER_CHOICES_LIMIT = 31  # distributions: a month of daily ones


class DistributionFilter(admin.SimpleListFilter):
    """Deliveries of one distribution; of the latest one unless another is chosen."""

    title = "distribution"
    parameter_name = "distribution"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        opened = Distribution.objects.exclude(opened_at=None)
        part = shown_part.of(opened, FILTER_CHOICES_LIMIT)
        if part.words:
            self.title = f"distribution ({part.words}; the others: from their pages)"
        found = {str(row.pk): str(row) for row in part.rows}
        asked = whole_number(request.GET.get(self.parameter_name, ""))
        if asked is not None and str(asked) not in found:
            found |= {str(row.pk): str(row) for row in opened.filter(pk=asked)}
        return list(found.items())

    def value(self) -> str | None:
        value = super().value()
        if value is not None and whole_number(value) is not None:
            return value
        return self.lookup_choices[0][0] if self.lookup_choices else None

    def queryset(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        chosen = self.value()
        return queryset.filter(distribution=int(chosen)) if chosen else queryset

    def choices(self, changelist: Any) -> Iterator[Any]:
        for value, title in self.lookup_choices:
            yield {
                "selected": self.value() == value,
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": title,
            }


class ReasonFilter(admin.SimpleListFilter):
    """The reasons that occur in the chosen distribution, in words."""

    title = "reason"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        params = {"distribution": [request.GET.get("distribution", "")]}
        chosen = DistributionFilter(request, params, Delivery, model_admin).value()
        if chosen is None:
            return []
        rows = Delivery.objects.filter(distribution=int(chosen)).exclude(reason="").order_by()
        reasons = rows.values_list("reason", flat=True).distinct()
        return sorted((reason, explain(reason).words) for reason in reasons)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        return queryset.filter(reason=self.value()) if self.value() else queryset


def _clock(moment: datetime | None) -> str | None:
    """With seconds, which the admin's format of times omits."""
    return india_time.clock(moment) if moment else None


@admin.register(Delivery)
class DeliveryAdmin(OwnPages, ReadOnlyAdmin, NumberSearch):
    found_field = "subscriber"

    list_display = [
        "masked_phone",
        "name",
        "tier",
        "state",
        "progress",
        "reason_words",
        "number",
        "accepted",
        "delivered",
    ]
    list_filter = [DistributionFilter, "state", ReasonFilter, "progress", "tier", "number"]
    list_select_related = ["subscriber", "number"]
    list_before_template = "admin/distribution/delivery/export.html"
    fields = [
        "masked_phone",
        "name",
        "distribution",
        "tier",
        "batch_no",
        "state",
        "reason_words",
        "advice",
        "number",
        "sent_with",
        "attempt_no",
        "progress",
        "inflight_at",
        "accepted_at",
        "sent_at",
        "delivered_at",
        "read_at",
        "failed_at",
        "failed_code",
        "unaccepted_attempts",
    ]
    readonly_fields = [
        "masked_phone",
        "name",
        "reason_words",
        "advice",
        "sent_with",
        "unaccepted_attempts",
    ]
    search_fields = ["=phone"]
    search_help_text = _("Whole phone number, such as +919812345678")
    show_full_result_count = False
    ordering = ["pk"]
    pages = {"export/": ("export_view", "distribution_delivery_export")}

    @admin.display(description="phone")
    def masked_phone(self, delivery: Delivery) -> str:
        return mask_phone(delivery.phone)

    def name(self, delivery: Delivery) -> str:
        return delivery.subscriber.name

    @admin.display(description="why", ordering="reason")
    def reason_words(self, delivery: Delivery) -> str:
        return explain(delivery.reason).words if delivery.reason else ""

    @admin.display(description="accepted", ordering="accepted_at", empty_value="–")
    def accepted(self, delivery: Delivery) -> str | None:
        return _clock(delivery.accepted_at)

    @admin.display(description="delivered", ordering="delivered_at", empty_value="–")
    def delivered(self, delivery: Delivery) -> str | None:
        return _clock(delivery.delivered_at)

    @admin.display(description=_("what to do"))
    def advice(self, delivery: Delivery) -> str:
        return explain(delivery.reason).advice if delivery.reason else ""

    @admin.display(description=_("sent with"), empty_value="–")
    def sent_with(self, delivery: Delivery) -> str | None:
        """The template, the content and the rung with which it left last."""
        if not delivery.attempt_no:
            return None
        words = rungs.sent_with(delivery)
        return (
            words
            if not delivery.rung
            else _("%(rung)s, rung %(place)d of the ladder")
            % {
                "rung": words,
                "place": delivery.rung + 1,
            }
        )

    @admin.display(description=_("calls that were not accepted"))
    def unaccepted_attempts(self, delivery: Delivery) -> str:
        attempts = delivery.attempts.select_related("number").order_by("ended_at", "pk")
        return "; ".join(
            f"{timezone.localtime(attempt.ended_at):%d %b %H:%M:%S %Z} by {attempt.number}: "
            f"{attempt.outcome.lower().replace('_', ' ')}, {explain(attempt.reason).words}"
            for attempt in attempts
        )

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """The rows that the list shows with the same filters, as one CSV file: for a reason."""
        may = full_numbers.may_export_deliveries(request.user)
        if not (may and self.has_view_permission(request)):
            raise PermissionDenied
        full = full_numbers.may_export(request.user)
        rows = self.get_changelist_instance(request).get_queryset(request).order_by("pk")

        def export(reason: str) -> HttpResponseBase:
            lines = delivery_export.lines(rows, full_phones=full)
            answer = csv_file(request, lines, "deliveries.csv")
            latest = rows.values("distribution_id")[:1]
            distribution = Distribution.objects.filter(pk__in=latest).first()
            if distribution is not None:
                filters = {name: mask_text(str(value)) for name, value in request.GET.items()}
                after = {"filters": filters, "full_phones": full}
                log_action(
                    self,
                    request,
                    distribution,
                    "Export deliveries",
                    reason=reason,
                    before={},
                    after=after,
                )
            return answer

        page = Confirmation("Export deliveries", _consequences(full=full), "Export")
        back = reverse("admin:distribution_delivery_changelist")
        query = request.GET.urlencode()
        back = f"{back}?{query}" if query else back
        return confirm(self, request, page, export, back=back, is_repeatable=True)


def _consequences(*, full: bool) -> list[Any]:
    told = _("The file contains names and masked phone numbers of everyone on the list.")
    if full:
        told = _("The file contains names and full phone numbers of everyone on the list.")
    return [
        told,
        _("Store it where only the people who need it can read it. Delete it afterwards."),
    ]


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    list_display = ["ended", "person", "distribution", "outcome", "why", "meta_code", "number"]
    list_filter = ["outcome", "reason"]
    list_select_related = ["delivery__distribution", "delivery__subscriber", "number"]
    fields = [
        "person",
        "distribution",
        "outcome",
        "why",
        "advice",
        "meta_code",
        "http_status",
        "details",
        "fbtrace_id",
        "number",
        "attempt_id",
        "started",
        "ended",
    ]
    readonly_fields = ["person", "distribution", "why", "advice", "meta_code", "started", "ended"]

    @admin.display(description=_("ended"), ordering="ended_at")
    def ended(self, attempt: Attempt) -> str:
        return _moment(attempt.ended_at)

    @admin.display(description=_("started"), empty_value="–")
    def started(self, attempt: Attempt) -> str | None:
        return _moment(attempt.started_at) if attempt.started_at else None

    @admin.display(description=_("recipient"))
    def person(self, attempt: Attempt) -> str:
        delivery = attempt.delivery
        url = reverse("admin:distribution_delivery_change", args=[delivery.pk])
        words = f"{delivery.subscriber.name} {mask_phone(delivery.phone)}".strip()
        return format_html('<a href="{}">{}</a>', url, words)

    @admin.display(description=_("distribution"))
    def distribution(self, attempt: Attempt) -> str:
        return str(attempt.delivery.distribution)

    @admin.display(description=_("why"), ordering="reason")
    def why(self, attempt: Attempt) -> str:
        words = explain(attempt.reason).words if attempt.reason else ""
        return words[:1].upper() + words[1:]

    @admin.display(description=_("what to do"))
    def advice(self, attempt: Attempt) -> str:
        return explain(attempt.reason).advice if attempt.reason else ""

    @admin.display(description=_("Meta’s code"), ordering="code", empty_value="–")
    def meta_code(self, attempt: Attempt) -> int | None:
        return attempt.code


def _moment(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%-d %b %Y, %H:%M:%S %Z}"
