"""*Set up*: the checks, what to paste at Meta, and the acts that complete them. *System status*."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from config.monitoring import health
from config.setup import meta, registry
from config.setup.items import Result
from config.setup.registry import Report
from distribution.content import staff_send, template_schema
from distribution.content.staff_send import StaffSendError
from distribution.mirror import number_import, pool_sync, template_sync
from distribution.models import MessageTemplate, SetupMessage, SetupResult, TemplateStatus
from masking.phones import mask_phone
from phonepool.cloud_api import client
from phonepool.cloud_api.app import AppApi
from phonepool.exceptions import CloudApiError
from phonepool.models import PhoneNumber
from phonepool.numbers import accounts, verification
from subscribers.admin.confirmed_action import log_action
from subscribers.whole_numbers import whole_number
from webhooks.applying.payloads import READERS

SEE, SET_UP = "phonepool.sync_phonenumber", "distribution.set_up"
TEST = "distribution.send_test"
REPORT_SECONDS = 8.0  # for which the page waits for the report of a test message
ONCE_SECONDS = 10.0  # a second test within this is a double click


def allowed(*permissions: str) -> Callable[[Any], Any]:
    """The view, for staff with one of the permissions; refused for everybody else."""

    def decorate(view: Callable[[HttpRequest], HttpResponse]) -> Any:
        def checked(request: HttpRequest) -> HttpResponse:
            if not any(request.user.has_perm(permission) for permission in permissions):
                raise PermissionDenied
            return view(request)

        return never_cache(admin.site.admin_view(checked))

    return decorate


@allowed(SEE, SET_UP)
def page(request: HttpRequest) -> HttpResponse:
    """The checks. A POST asks Meta again."""
    now = timezone.now()
    if request.method == "POST":
        registry.run(now)
        return HttpResponseRedirect(reverse("setup"))
    report = registry.recent(now)
    context = {
        "items": report.items,
        "left": registry.left(report.items),
        "offered": _offered(report),
        "is_listed": report.facts is not None and report.facts.meta.numbers.came,
        "checked_at": registry.checked_at(),
        "webhook_url": _webhook_url(request),
        "templates": _templates(),
        "phones": [mask_phone(phone) for phone in settings.TEST_RECIPIENTS],
        "may_set_up": request.user.has_perm(SET_UP),
        "may_test": request.user.has_perm(TEST) or request.user.has_perm(SET_UP),
    }
    return _framed(request, "admin/setup/page.html", _("Set up"), context)


@allowed(SET_UP)
def numbers(request: HttpRequest) -> HttpResponse:
    """Adds the chosen ones of Meta's numbers to the pool, and syncs numbers and templates."""
    if request.method != "POST":
        return HttpResponseRedirect(reverse("setup"))
    now, api = timezone.now(), client.client()
    try:
        labels = number_import.add(api, set(request.POST.getlist("number")), now=now)
        pool_sync.sync(api, now=now)
        template_sync.sync(api, now=now)
    except CloudApiError as error:
        messages.error(request, verification.answer(error))
    else:
        for number in PhoneNumber.objects.filter(label__in=labels):
            _log(request, number, "added from Meta's list")
        _tell_added(request, labels)
    registry.run(timezone.now())
    return HttpResponseRedirect(reverse("setup"))


def _tell_added(request: HttpRequest, labels: list[str]) -> None:
    words = ngettext("Added %(count)s phone number.", "Added %(count)s phone numbers.", len(labels))
    if labels:
        messages.success(request, words % {"count": len(labels)})
    else:
        messages.info(request, _("Synced with Meta. No phone numbers to add."))


@allowed(SET_UP)
def webhook(request: HttpRequest) -> HttpResponse:
    """What to paste at Meta, and the button that makes pasting unnecessary."""
    if request.method == "POST":
        _connect(request)
        registry.run(timezone.now())
        return HttpResponseRedirect(reverse("setup"))
    _log_webhook(request, "verify token shown")
    context = {
        "webhook_url": _webhook_url(request),
        "verify_token": settings.WHATSAPP_VERIFY_TOKEN,
        "fields": sorted(READERS),
    }
    return _framed(request, "admin/setup/webhook.html", _("Webhook"), context)


def _connect(request: HttpRequest) -> None:
    readings = meta.read()
    app = AppApi(meta.app_id(readings.token))
    token = settings.WHATSAPP_VERIFY_TOKEN
    if not (app.app_id and token and settings.WHATSAPP_APP_SECRETS):
        messages.error(request, _("Set the app secret, the access token and the verify token."))
        return
    try:
        app.subscribe(_webhook_url(request), token, sorted(READERS))
        for account in accounts.own_accounts().ids():
            app.subscribe_account(account)
    except CloudApiError as error:
        messages.error(request, verification.answer(error))
        return
    _log_webhook(request, "webhook connected")
    messages.success(request, _("Webhook connected."))


@require_POST
@allowed(TEST, SET_UP)
def test(request: HttpRequest) -> HttpResponse:
    """Sends a template with example values to a phone of the staff, and waits for the report."""
    phones = settings.TEST_RECIPIENTS
    place = whole_number(request.POST.get("phone", ""))
    key = whole_number(request.POST.get("template", ""))
    template = MessageTemplate.objects.filter(pk=key).first() if key is not None else None
    if template is None or place is None or place >= len(phones):
        messages.error(request, _("Choose a template and a phone."))
        return HttpResponseRedirect(reverse("setup"))
    _send_test(request, template, phones[place])
    registry.run(timezone.now())
    return HttpResponseRedirect(reverse("setup"))


def _send_test(request: HttpRequest, template: MessageTemplate, phone: str) -> None:
    latest = SetupMessage.objects.order_by("-at", "-pk").first()
    if latest and 0 <= (timezone.now() - latest.at).total_seconds() < ONCE_SECONDS:
        messages.warning(request, _("A test message was sent a moment ago."))
        return
    try:
        result = staff_send.send_sample(template, phone, api=client.client())
    except StaffSendError as error:
        messages.error(request, str(error))
        return
    _log(request, template, "test message", phone=result.phone)
    if not result.accepted:
        messages.error(request, f"{result.phone}: {result.words}")
        return
    status = _await_report()
    values = {"phone": result.phone}
    if status in ("delivered", "read"):
        messages.success(request, _("Test message delivered to %(phone)s.") % values)
    elif status == "failed":
        messages.error(request, _("Test message to %(phone)s failed.") % values)
    else:
        waiting = _("WhatsApp accepted the test message to %(phone)s. Delivery not reported yet.")
        messages.info(request, waiting % values)


def _await_report() -> str:
    """The status of the latest test message once it is final, or after REPORT_SECONDS."""
    end, status = time.monotonic() + REPORT_SECONDS, ""
    while time.monotonic() < end and status not in ("delivered", "read", "failed"):
        time.sleep(0.25)
        status = SetupMessage.objects.order_by("-at", "-pk").values_list("status", flat=True)[0]
    return status


@allowed(SEE, SET_UP)
def status(request: HttpRequest) -> HttpResponse:
    """The health report for people, and the set-up checks as they were stored last."""
    report, items = health.report(), registry.stored()
    context = {
        "status": report.status,
        "checks": report.checks,
        "items": items,
        "checked_at": registry.checked_at(),
    }
    return _framed(request, "admin/setup/status.html", _("System status"), context)


def _framed(
    request: HttpRequest, name: str, title: str, context: dict[str, Any]
) -> TemplateResponse:
    frame = admin.site.each_context(request)
    return TemplateResponse(request, name, {**frame, "title": title, **context})


def _webhook_url(request: HttpRequest) -> str:
    return request.build_absolute_uri(reverse("whatsapp-webhook"))


def _offered(report: Report) -> list[Any]:
    """Meta's numbers that are not in the pool."""
    if report.facts is None:
        return []
    known = set(PhoneNumber.objects.values_list("meta_id", flat=True))
    return [one for one in report.facts.meta.numbers.value or [] if one.id not in known]


def _templates() -> list[MessageTemplate]:
    """Approved ones that need texts only."""
    rows = MessageTemplate.objects.filter(status=TemplateStatus.APPROVED).order_by("name")
    return [row for row in rows if staff_send.can_be_sampled(template_schema.parse(row.components))]


def _log(request: HttpRequest, row: Model, act: str, **facts: Any) -> None:
    log_action(admin.site._registry[PhoneNumber], request, row, act, **facts)


def _log_webhook(request: HttpRequest, act: str) -> None:
    fields = {"result": Result.NOT_CHECKED, "seen": "", "at": timezone.now()}
    row, _created = SetupResult.objects.get_or_create(key="webhook", defaults=fields)
    _log(request, row, act)
