"""Acknowledging from outside: the page behind a link in a message, and PagerDuty's webhook."""

from __future__ import annotations

from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from distribution.alert_channels import links, pagerduty_events
from distribution.alerts import incidents
from distribution.models import Alert, AlertChannel, ChannelKind
from masking.texts import mask_text
from subscribers.whole_numbers import whole_number

BODY_LIMIT = 256 * 1024  # bytes of one webhook
TEMPLATE = "alerts/acknowledge.html"


@never_cache
@csrf_exempt  # the signed link itself is the right; browsers inside chat apps keep no cookies
@require_http_methods(["GET", "HEAD", "POST"])
def acknowledge(request: HttpRequest, token: str) -> HttpResponse:
    """Ask once, then acknowledge; opening the link alone changes nothing."""
    link = links.read(token)
    if link is None:
        return _page(request, status=HTTPStatus.NOT_FOUND, alerts=[], is_valid=False)
    rows = Alert.objects.filter(pk__in=link.alerts).order_by("pk")
    if request.method == "POST":
        channel = AlertChannel.objects.filter(pk=link.channel).first()
        via = f"a link sent by “{channel}”" if channel else "a link"
        incidents.acknowledge(
            link.alerts, by=None, via=via, origin=link.channel, now=timezone.now()
        )
    alerts = list(rows.select_related("acknowledged_by"))
    waiting = any(alert.closed_at is None and not alert.acknowledged_at for alert in alerts)
    return _page(request, alerts=alerts, is_valid=True, waiting=waiting)


def _page(
    request: HttpRequest, *, status: HTTPStatus = HTTPStatus.OK, alerts: list[Alert], **more: object
) -> HttpResponse:
    shown = [{"alert": alert, "message": mask_text(alert.message)} for alert in alerts]
    page = render(request, TEMPLATE, {"alerts": shown, **more}, status=status)
    page.headers["Referrer-Policy"] = "no-referrer"  # the address is the right
    page.headers["X-Robots-Tag"] = "noindex"
    return page


@csrf_exempt  # the signature proves the sender
@require_POST
def pagerduty(request: HttpRequest, pk: str) -> HttpResponse:
    """Take what PagerDuty posts about incidents of one channel."""
    if settings.HTTPS and not request.is_secure():
        return HttpResponse(status=HTTPStatus.FORBIDDEN)
    if whole_number(request.headers.get("Content-Length", ""), most=BODY_LIMIT) is None:
        return HttpResponse(status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    channels = AlertChannel.objects.filter(kind=ChannelKind.PAGERDUTY, active=True)
    channel = channels.filter(pk=whole_number(pk) or 0).first()
    header = request.headers.get(pagerduty_events.HEADER, "")
    if channel is None or not pagerduty_events.is_signed(channel, request.body, header):
        return HttpResponse(status=HTTPStatus.FORBIDDEN)
    pagerduty_events.take(channel, request.body, now=timezone.now())
    return HttpResponse(status=HTTPStatus.OK)
