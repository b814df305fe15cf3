"""Every route and the roles that may open it. A route without a row fails a test.

Roles by letter: Viewer, Editor, aPprover, Operator, Administrator; `-` needs no sign-in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, time
from typing import Any

from axes.models import AccessAttempt
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group
from django.db.models import Model
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

import config.urls  # noqa: F401 - registers the admin's pages
from config.staff.roles import ADMINISTRATOR, APPROVER, EDITOR, OPERATOR, VIEWER
from distribution.access import tokens
from distribution.models import (
    Alert,
    AlertChannel,
    AlertRoute,
    ApiToken,
    Attempt,
    AttemptOutcome,
    BlackoutDate,
    DailyTime,
    Delivery,
    EventDelivery,
    EventKind,
    EventSubscription,
    Kind,
    Notification,
    NotificationKind,
    OneTime,
    OutgoingEvent,
    Rate,
    Severity,
)
from subscribers.consent import suppressions
from subscribers.importing import jobs
from subscribers.models import ImportJob, Reply, Suppression
from tests import builders
from tests.distribution.staff import a_member
from webhooks.models import WebhookEvent

ROLES = {"V": VIEWER, "E": EDITOR, "P": APPROVER, "O": OPERATOR, "A": ADMINISTRATOR}
ALL, STAFF, NOBODY = "-VEPOA", "VEPOA", ""

# list and one of it (also its history), add, delete
PAGES: dict[str, tuple[str, str, str]] = {
    "admin_logentry": ("A", NOBODY, NOBODY),
    "auth_group": ("A", "A", NOBODY),  # the one asked for is one of the five
    "auth_user": ("A", "A", NOBODY),
    "axes_accessattempt": ("A", NOBODY, "A"),
    "distribution_alert": (STAFF, NOBODY, NOBODY),
    "distribution_alertchannel": ("A", "A", NOBODY),
    "distribution_alertroute": ("A", "A", "A"),
    "distribution_apitoken": ("A", "A", NOBODY),
    "distribution_approval": (STAFF, NOBODY, NOBODY),
    "distribution_attempt": ("VOA", NOBODY, NOBODY),
    "distribution_blackoutdate": (STAFF, "OA", "OA"),
    "distribution_content": (STAFF, "EA", NOBODY),
    "distribution_dailytime": (STAFF, "A", "A"),
    "distribution_delivery": (STAFF, NOBODY, NOBODY),
    "distribution_distribution": (STAFF, NOBODY, NOBODY),
    "distribution_eventdelivery": ("A", NOBODY, NOBODY),
    "distribution_eventsubscription": ("A", "A", "A"),
    "distribution_messagetemplate": (STAFF, NOBODY, NOBODY),
    "distribution_notification": ("A", NOBODY, NOBODY),
    "distribution_rate": (STAFF, NOBODY, NOBODY),
    "distribution_onetime": (STAFF, "OA", NOBODY),
    "distribution_rotationgroup": (STAFF, "OA", NOBODY),
    "distribution_templatedraft": (STAFF, NOBODY, NOBODY),
    "phonepool_phonenumber": ("VOA", "A", NOBODY),
    "phonepool_portfolio": ("OA", "A", "A"),
    "phonepool_waba": ("OA", "A", "A"),
    "subscribers_importjob": ("EOA", "EOA", NOBODY),
    "subscribers_reply": ("VEOA", NOBODY, NOBODY),
    "subscribers_suppression": ("EOA", NOBODY, NOBODY),
    "subscribers_subscriber": ("VEOA", "EOA", NOBODY),
    "webhooks_webhookevent": ("OA", NOBODY, NOBODY),
}
# Every other route by its name. `None`: machines and plumbing, asked nothing here.
OTHERS: dict[str, str | None] = {
    "admin:index": STAFF,
    "admin:search": STAFF,
    "admin:login": None,  # sends on who is signed in
    "admin:logout": None,  # POST only
    "admin:password_change": STAFF,
    "admin:password_change_done": STAFF,
    "admin:jsi18n": STAFF,
    "admin:autocomplete": None,  # asks for the permission of the model it is about
    "admin:view_on_site": None,
    "admin:app_list": None,
    "admin:auth_user_password_change": "A",
    "admin:distribution_content_calendar": STAFF,
    "admin:distribution_content_queue": STAFF,
    "admin:distribution_content_preview": None,  # POST only, as the three below
    "admin:distribution_content_fields": None,
    "admin:distribution_content_step": None,
    "admin:distribution_messagetemplate_sync": None,
    "admin:distribution_templatedraft_draft": None,  # a POST only
    "admin:distribution_notification_choices": STAFF,
    "admin:distribution_delivery_export": "OA",
    "admin:distribution_cost_page": STAFF,
    "admin:distribution_cost_csv": STAFF,
    "admin:distribution_rate_import": "A",
    "admin:subscribers_subscriber_import_file": None,  # leads to the page that adds an import
    "admin:subscribers_subscriber_export_all": "A",
    "dashboard:page": STAFF,
    "dashboard:board": STAFF,
    # About one distribution, number, person or import: their own tests ask each role.
    **dict.fromkeys(
        (
            "admin:distribution_act",
            "admin:distribution_alertchannel_send_test",
            "admin:distribution_decide",
            "admin:distribution_pause_reason",
            "admin:distribution_doubts",
            "admin:distribution_figures",
            "admin:distribution_record",
            "admin:distribution_rotationgroup_automatic",
            "admin:distribution_rotationgroup_rest",
            "admin:distribution_rotationgroup_use",
            "admin:distribution_templatedraft_approve",
            "admin:distribution_templatedraft_create",
            "admin:distribution_templatedraft_discard",
            "admin:distribution_templatedraft_edit",
            "admin:distribution_eventsubscription_send_test",
            "admin:phonepool_phonenumber_demote",
            "admin:phonepool_phonenumber_disable",
            "admin:phonepool_phonenumber_enable",
            "admin:phonepool_phonenumber_promote",
            "admin:phonepool_phonenumber_rest",
            "admin:phonepool_phonenumber_skip_ramp",
            "admin:phonepool_phonenumber_sync_now",
            "admin:subscribers_importjob_cancel",
            "admin:subscribers_importjob_columns",
            "admin:subscribers_importjob_confirm",
            "admin:subscribers_importjob_progress",
            "admin:subscribers_importjob_refused",
            "admin:subscribers_importjob_undo",
            "admin:subscribers_subscriber_add_note",
            "admin:subscribers_subscriber_delete_note",
            "admin:subscribers_subscriber_erase_person",
            "admin:subscribers_subscriber_opt_out_person",
            "admin:subscribers_subscriber_pause_person",
            "admin:subscribers_subscriber_resume_person",
            "admin:subscribers_subscriber_purge_person",
            "admin:subscribers_subscriber_export_person",
        )
    ),
    "admin:subscribers_importjob_sample": "EOA",
    "preflight": "OA",
    "preflight_start": None,  # a POST only
    "setup": "OA",
    "setup_numbers": None,  # leads to the page
    "setup_webhook": "A",
    "setup_test": None,  # a POST only
    "system_status": "OA",
    "api_index": None,  # fixed texts: tests/api/test_index.py
    "signed_in": STAFF,
    "second_factor": STAFF,
    "second_factor_set_up": STAFF,
    "find": STAFF,
    "admin_password_reset": ALL,
    "password_reset_sent": ALL,
    "password_reset_confirm": None,  # by the token in the link
    "root": None,  # leads to the admin, which asks for a sign-in
    "health/live": ALL,
    "public_status": None,  # off by default: tests/config/web/test_status_page.py
    "public_status_json": None,
    "health/ready": None,  # as the services are
    "metrics": None,  # by address
    "whatsapp-webhook": None,  # by signature
    "alert_acknowledge": None,  # by the signed link
    "alert_pagerduty": None,  # by signature
}


def _content() -> Model:
    return builders.a_draft()


def _delivery() -> Delivery:
    builders.an_open_distribution(1)
    return Delivery.objects.first() or builders.a_delivery()  # type: ignore[attr-defined]


def _attempt() -> Attempt:
    delivery = _delivery()
    now = timezone.now()
    return Attempt.objects.create(
        delivery=delivery,
        number=builders.a_number(),
        outcome=AttemptOutcome.REJECTED,
        started_at=now,
        ended_at=now,
    )


def _token() -> ApiToken:
    user, now = a_member("Viewer"), timezone.now()
    return tokens.issue("crm", ["read"], user=user, by=user, expires_at=None, now=now)[0]


def _approval() -> Any:
    return builders.an_approved_content().approvals.first()


def _one_time() -> OneTime:
    planned = builders.a_planned_distribution(timezone.now(), kind=Kind.ONE_TIME)
    return OneTime.objects.get(pk=planned.pk)


def _import_job() -> ImportJob:
    return jobs.submit(b"phone\n9812345678\n", "people.csv", by="x", now=timezone.now())


def _suppression() -> Suppression:
    now = timezone.now()
    suppressions.remember(
        suppressions.Preference("+919812345678", wants=False, source="x", evidence="", at=now),
        now=now,
    )
    return Suppression.objects.get()


def _webhook() -> WebhookEvent:
    return WebhookEvent.objects.create(
        body=b"{}", digest="0" * 64, secret_no=0, received_at=timezone.now()
    )


def _entry() -> LogEntry:
    return LogEntry.objects.create(user=builders.a_user(), action_flag=CHANGE, object_repr="x")


def _alert() -> Alert:
    return Alert.objects.create(
        rule="no_content", severity=Severity.CRITICAL, message="!", opened_at=timezone.now()
    )


def _alert_channel() -> AlertChannel:
    found, _ = AlertChannel.objects.get_or_create(
        name="Desk", defaults={"kind": "email", "secret_address": "desk@example.com"}
    )
    return found


def _alert_route() -> AlertRoute:
    return AlertRoute.objects.create(name="All", channel=_alert_channel())


def _event_subscription() -> EventSubscription:
    found, _ = EventSubscription.objects.get_or_create(
        name="CRM", defaults={"url": "https://crm.example/hook"}
    )
    return found


def _notification() -> Notification:
    now = timezone.now()
    return Notification.objects.create(
        kind=NotificationKind.REVIEW_WAITING,
        recipient=a_member("Approver"),
        subject="Review needed",
        text="Somebody submitted it.",
        since=now,
        next_at=now,
    )


def _event_delivery() -> EventDelivery:
    now = timezone.now()
    event = OutgoingEvent.objects.create(kind=EventKind.ALERT_OPENED, at=now)
    return EventDelivery.objects.create(
        event=event, subscription=_event_subscription(), since=now, next_at=now
    )


MAKERS: dict[str, Callable[[], Any]] = {
    "admin_logentry": _entry,
    "auth_group": lambda: Group.objects.get(name=VIEWER),
    "auth_user": builders.a_user,
    "axes_accessattempt": lambda: AccessAttempt.objects.create(failures_since_start=1),
    "distribution_alert": _alert,
    "distribution_apitoken": _token,
    "distribution_approval": _approval,
    "distribution_attempt": _attempt,
    "distribution_blackoutdate": lambda: BlackoutDate.objects.create(day=date(2100, 1, 1)),
    "distribution_content": _content,
    "distribution_dailytime": lambda: DailyTime.objects.create(
        from_day=date(2100, 1, 1), time=time(7)
    ),
    "distribution_delivery": _delivery,
    "distribution_distribution": lambda: builders.a_planned_distribution(timezone.now()),
    "distribution_eventdelivery": _event_delivery,
    "distribution_alertchannel": _alert_channel,
    "distribution_alertroute": _alert_route,
    "distribution_eventsubscription": _event_subscription,
    "distribution_messagetemplate": builders.a_template,
    "distribution_notification": _notification,
    "distribution_rate": lambda: Rate.objects.first(),
    "distribution_onetime": _one_time,
    "distribution_rotationgroup": builders.a_group,
    "distribution_templatedraft": builders.a_template_draft,
    "phonepool_phonenumber": builders.a_number,
    "phonepool_portfolio": builders.a_portfolio,
    "phonepool_waba": builders.a_waba,
    "subscribers_importjob": _import_job,
    "subscribers_reply": lambda: Reply.objects.create(
        subscriber=builders.a_subscriber(), at=timezone.now(), text="Thanks", kind="text"
    ),
    "subscribers_suppression": _suppression,
    "subscribers_subscriber": builders.a_subscriber,
    "webhooks_webhookevent": _webhook,
}


def routes(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[str]:
    """The name of every route, with its namespace; the pattern where there is no name."""
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLPattern):
            yield prefix + (pattern.name or str(pattern.pattern))
        else:
            space = f"{prefix}{pattern.namespace}:" if pattern.namespace else prefix
            yield from routes(pattern, space)


# Django's own tails: an old address of a change page, and whatever is not there.
TAILS = {"admin:<path:object_id>/", "admin:(?P<url>.*)$"}


def rows() -> dict[str, str | None]:
    """Route name → the roles that may open it."""
    table = dict(OTHERS)
    for model, (see, add, delete) in PAGES.items():
        table |= dict.fromkeys(
            (f"admin:{model}_{page}" for page in ("changelist", "change", "history")), see
        )
        table |= {f"admin:{model}_add": add, f"admin:{model}_delete": delete}
    return table
