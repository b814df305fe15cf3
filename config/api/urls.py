"""Routes under /api/. Unknown paths get a 404 in JSON."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path, re_path

from config.api.health import Health
from config.api.queues import Queues
from distribution.api.document.views import Document, TryIt, not_found
from distribution.api.resources.alerts import Acknowledge, Alerts

app_name = "api"
urlpatterns: list[URLPattern | URLResolver] = [
    path("schema/", Document.as_view(), name="document"),
    path("docs/", TryIt.as_view(), name="try-it"),
    path("distribution/health", Health.as_view(), name="health"),
    path("distribution/", include("distribution.api.urls")),
    path("queue/status", Queues.as_view(), name="queue-status"),
    path("queue/alerts", Alerts.as_view(), name="queue-alerts"),
    path(
        "queue/alerts/<int:id>/acknowledge", Acknowledge.as_view(), name="queue-alert-acknowledge"
    ),
    re_path(r"", not_found, name="nothing"),
]
