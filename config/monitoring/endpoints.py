"""The endpoints `/health/live`, `/health/ready` and `/metrics`."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView
from prometheus_client import REGISTRY

from config.monitoring import probes, queues
from config.monitoring.probes import REQUIRED
from distribution.metrics.collector import COLLECTOR
from webhooks import metrics as webhook_metrics

COLLECTOR.add(queues.TYPES, queues.read_metrics)
COLLECTOR.add(webhook_metrics.TYPES, webhook_metrics.read)
REGISTRY.register(COLLECTOR)  # here, so that only processes that are scraped read it
FORWARDED_HEADERS = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP")


@never_cache
@require_safe
def live(_: HttpRequest) -> HttpResponse:
    """200 while this process can answer at all; depends on no other process."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def ready(_: HttpRequest) -> HttpResponse:
    """200 if database and broker answer in time, else 503; names what does not.

    A silent keeper is reported too, but a web server can serve without one.
    """
    return _status_response(probes.PROBES, required=REQUIRED)


@never_cache
@require_safe
def ready_to_receive(_: HttpRequest) -> HttpResponse:
    """200 if the database answers in time, else 503: receiving a webhook needs nothing else."""
    return _status_response(["database"], required=["database"])


def _status_response(names: Iterable[str], *, required: Iterable[str]) -> HttpResponse:
    status = {name: "ok" if answers else "down" for name, answers in probes.ask(names).items()}
    overall = "ok" if set(status.values()) == {"ok"} else "degraded"
    usable = all(status[name] == "ok" for name in required)
    return JsonResponse({"status": overall, **status}, status=200 if usable else 503)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus metrics for clients in METRICS_ALLOWED; 404 for all others."""
    if not _may_see_metrics(request):
        return HttpResponseNotFound()
    return cast(HttpResponse, ExportToDjangoView(request))


def _may_see_metrics(request: HttpRequest) -> bool:
    """Decides by the peer's address. A forwarded request has the proxy's, so it is refused."""
    if any(header in request.META for header in FORWARDED_HEADERS):
        return False
    try:
        peer = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    # A socket for IPv4 and IPv6 reports ::ffff:127.0.0.1.
    peer = getattr(peer, "ipv4_mapped", None) or peer
    return any(peer in network for network in settings.METRICS_ALLOWED)
