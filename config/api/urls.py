"""Routes under /api/. Unknown paths get a 404 in JSON."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path, re_path

from config.api.health import Health
from config.api.key_figures import KeyFigures
from config.api.preflight import LatestPreflight
from config.api.queues import Queues
from distribution.api.document.views import Document, TryIt, without_token
from distribution.api.resources.alerts import Acknowledge, Alerts

app_name = "api"
urlpatterns: list[URLPattern | URLResolver] = [
    path("schema/", Document.as_view(), name="document"),
    path("docs/", TryIt.as_view(), name="try-it"),
    path("distribution/health", Health.as_view(), name="health"),
    path("distribution/key-figures", KeyFigures.as_view(), name="key-figures"),
    path("distribution/preflight", LatestPreflight.as_view(), name="preflight"),
    path("distribution/", include("distribution.api.urls")),
    path("queue/status", Queues.as_view(), name="queue-status"),
    path("queue/alerts", Alerts.as_view(), name="queue-alerts"),
    path(
        "queue/alerts/<int:id>/acknowledge", Acknowledge.as_view(), name="queue-alert-acknowledge"
    ),
    path("problems", without_token, {"page": "problems"}, name="problems"),
    path("problems/<slug:code>", without_token, {"page": "problems"}, name="problem"),
    path("", without_token, {"page": "index"}, name="index"),
    re_path(r"", without_token, name="nothing"),
]
