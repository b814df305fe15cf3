"""Notifications in the admin: what each person gets, and for administrators what was sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import action, display

from distribution.alerts.notifiers import mail
from distribution.models import Notification, NotificationChannel, NotificationState
from distribution.notifications import audience
from subscribers.admin.confirmed_action import Confirmation, confirm_all_pages, log_rows
from subscribers.admin.page_frame import OwnPages, framed, staff_user
from subscribers.admin.read_only import ReadOnlyAdmin
from subscribers.admin.shown_rows import Selection

CHOICES = "distribution_notification_choices"  # the name of the page's route
LABELS = {
    NotificationState.WAITING: "warning",
    NotificationState.SENT: "success",
    NotificationState.DEAD: "danger",
    NotificationState.DROPPED: "info",
}


@admin.register(Notification)
class NotificationAdmin(OwnPages, ReadOnlyAdmin):
    list_display = ["since", "kind", "recipient", "state_badge", "tries", "sent_at", "error"]
    list_filter = ["state", "kind", "channel"]
    list_select_related = ["recipient"]
    search_fields = ["subject", "recipient__username"]
    search_help_text = gettext_lazy("A subject or a user name")
    show_full_result_count = False
    ordering = ["-pk"]
    fields = [
        "kind",
        "channel",
        "recipient",
        "subject",
        "text",
        "path",
        "state",
        "tries",
        "since",
        "next_at",
        "sent_at",
        "error",
        "asked_from",
    ]
    actions = ["send_again"]
    pages = {"choices/": ("choices", CHOICES)}

    @display(
        description=gettext_lazy("state"),
        ordering="state",
        label={state.label: colour for state, colour in LABELS.items()},
    )
    def state_badge(self, notification: Notification) -> str:
        return str(notification.get_state_display())

    def choices(self, request: HttpRequest) -> HttpResponse:
        """What the person who is signed in gets by e-mail; each of the staff has this page."""
        user, channel = staff_user(request), NotificationChannel.EMAIL
        if request.method == "POST":
            audience.choose(user, channel, request.POST.getlist("kind"))
            messages.success(request, _("Notification settings saved."))
            return HttpResponseRedirect(reverse(f"admin:{CHOICES}"))
        rows = [
            {"kind": kind, "wanted": wanted}
            for kind, wanted in audience.choices_of(user, channel).items()
        ]
        return framed(
            self,
            request,
            "admin/distribution/notification/choices.html",
            title=_("Notifications"),
            rows=rows,
            address=user.email,
            is_enabled=settings.EMAIL_ENABLED,
        )

    @action(description=gettext_lazy("Send again"), permissions=["resend"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Notification]) -> Any:
        dead = queryset.filter(state=NotificationState.DEAD)
        rows = Selection(dead, ("state", "tries"))
        consequence = _("Notifications that were not delivered are sent again.")
        page = Confirmation(_("Send notifications again"), [consequence], _("Send again"), rows)

        def resend(pks: Sequence[int]) -> None:
            done = mail.send_again(pks, now=timezone.now())
            log_rows(self, request, rows, pks, "Sent the notification again.")
            words = ngettext(
                "%(count)d notification will be sent again.",
                "%(count)d notifications will be sent again.",
                done,
            )
            self.message_user(request, words % {"count": done}, messages.SUCCESS)

        return confirm_all_pages(self, request, page, resend)

    def has_resend_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("distribution.resend_notification")

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_resend_permission(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_resend_permission(request)
