"""Message templates in the admin: their status at Meta, preview and use."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST
from unfold.decorators import display

from distribution.content import approval, preview, template_schema
from distribution.drafting import drafts
from distribution.mirror import template_sync
from distribution.models import Content, ContentState, Distribution, MessageTemplate, TemplateStatus
from distribution.quality import comparisons, figures, history, wording
from distribution.runtime import india_time
from distribution.runtime.text_formats import percent
from distribution.service_level import sla
from phonepool.cloud_api import client
from phonepool.exceptions import CloudApiError
from phonepool.numbers import accounts
from subscribers import shown_part
from subscribers.admin.page_frame import OwnPages, framed, viewable_row
from subscribers.admin.read_only import ReadOnlyAdmin

STATUS_COLOURS = {
    TemplateStatus.APPROVED: "success",
    TemplateStatus.PENDING: "warning",
    TemplateStatus.PAUSED: "warning",
    TemplateStatus.REJECTED: "danger",
    TemplateStatus.DISABLED: "danger",
    TemplateStatus.OTHER: "default",
}
QUALITY_COLOURS = {"GREEN": "success", "YELLOW": "warning", "RED": "danger"}
DISTRIBUTIONS_SHOWN = 10  # distributions shown on a message template's page


@admin.register(MessageTemplate)
class MessageTemplateAdmin(OwnPages, ReadOnlyAdmin):
    """Meta's fields, read-only."""

    list_display = [
        "name",
        "language",
        "waba",
        "status_badge",
        "quality_badge",
        "category",
        "changed",
        "synced_at",
    ]
    list_filter = ["status", "category", "language"]
    list_before_template = "admin/distribution/templates/sync.html"
    list_select_related = ["waba"]
    search_fields = ["name"]
    pages = {"sync/": ("sync", "distribution_messagetemplate_sync")}

    def get_queryset(self, request: HttpRequest) -> QuerySet[MessageTemplate]:
        rows: QuerySet[MessageTemplate] = super().get_queryset(request)
        return rows.prefetch_related(Prefetch("contents", _upcoming_content(), to_attr="upcoming"))

    @display(description="Status", ordering="status", label=STATUS_COLOURS)
    def status_badge(self, template: MessageTemplate) -> tuple[str, str]:
        return template.status, template.get_status_display()

    @display(description="Quality", ordering="quality", label=QUALITY_COLOURS)
    def quality_badge(self, template: MessageTemplate) -> tuple[str, str]:
        return template.quality, template.quality.capitalize() or "Unknown"

    @display(description="Changed at Meta", label={True: "danger", False: "default"})
    def changed(self, template: Any) -> tuple[bool, str]:
        is_changed = any(approval.template_changed(content) for content in template.upcoming)
        return is_changed, "since approval" if is_changed else "no"

    def change_view(self, request: HttpRequest, object_id: str, *_: Any, **__: Any) -> HttpResponse:
        template = viewable_row(self, request, object_id)
        if request.method != "GET":
            raise PermissionDenied
        form = template_schema.parse(template.components)
        examples = {slot.key: slot.example for slot in form.slots}
        upcoming = _upcoming_content().filter(message_template=template)
        used = Distribution.objects.filter(
            Q(message_template=template)
            | Q(message_template=None, content__message_template=template)
        )
        latest = used.order_by("-planned_at", "-pk")
        today = india_time.local_date(timezone.now())
        mornings = figures.by_template([template.pk], until=today).get(template.pk, [])
        rates = figures.shown(mornings)
        part = shown_part.of(latest, DISTRIBUTIONS_SHOWN, start=shown_part.start_of(request))
        return framed(
            self,
            request,
            "admin/distribution/templates/page.html",
            title=str(template),
            template=template,
            template_form=form,
            bubble=preview.draw(template, form, examples, None),
            upcoming=[(content, approval.template_changed(content)) for content in upcoming],
            distributions=[
                (row, percent(shares.accepted), percent(shares.delivered))
                for row, shares in ((row, sla.stored_shares(row)) for row in part.rows)
            ],
            part=part,
            comparisons=comparisons.shown(template, today=today),
            rates=wording.shown(rates),
            explanation=wording.explanation(),
            counted=rates.days,
            read_share=percent(rates.read_share),
            draft=drafts.shown_with(template),
            drafted_from=template,
            quality_history=history.of_template(template, now=timezone.now()),
            show_back_button=True,
        )

    @method_decorator(require_POST)
    def sync(self, request: HttpRequest) -> HttpResponse:
        """Fetch all templates from Meta."""
        if not request.user.has_perm("distribution.sync_templates"):
            raise PermissionDenied
        try:
            if not accounts.own_accounts().ids():
                messages.error(request, _("WHATSAPP_BUSINESS_ID is not set. See Set up."))
            else:
                count = template_sync.sync(client.client(), now=timezone.now())
                words = ngettext(
                    "Synced with Meta. %(count)d message template found.",
                    "Synced with Meta. %(count)d message templates found.",
                    count,
                )
                messages.success(request, words % {"count": count})
        except CloudApiError as error:
            words = _("The message templates could not be synced: %(why)s. %(advice)s")
            facts = {"why": error, "advice": error.failure.advice}
            messages.error(request, words % facts)
        return redirect("admin:distribution_messagetemplate_changelist")


def _upcoming_content() -> QuerySet[Content]:
    """Approved content that may still be sent."""
    today = india_time.local_date(timezone.now())
    approved = Content.objects.filter(state=ContentState.APPROVED)
    return approved.filter(Q(day__gte=today) | Q(is_fallback=True)).order_by("day", "pk")
