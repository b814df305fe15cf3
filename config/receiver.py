"""The receiver's entry point: `granian --interface wsgi config.receiver:application`.

In production it receives Meta's webhooks in its own process, so that slow requests of the API or
the admin cannot occupy its threads. It serves neither of them: every path that is not named below
is a 404.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import django
from django.utils.module_loading import import_string

from config.processes.garbage import collect_seldom
from webhooks.receiving.fast_path import serve_first

NOT_FOUND_BODY = b"Not found.\n"
# By name: they need the models, and so django.setup() first.
OTHER_VIEWS = {
    "/health/live": "config.monitoring.endpoints.live",
    "/health/ready": "config.monitoring.endpoints.ready_to_receive",
    # Only this process's counters.
    "/metrics": "config.monitoring.endpoints.metrics",
}


def not_found(_: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answers every request with 404."""
    headers = {
        "Content-Type": "text/plain",
        "Content-Length": str(len(NOT_FOUND_BODY)),
        "X-Content-Type-Options": "nosniff",
    }
    start_response("404 Not Found", list(headers.items()))
    return [NOT_FOUND_BODY]


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()
application = serve_first(
    not_found, {path: import_string(view) for path, view in OTHER_VIEWS.items()}
)
import_string("webhooks.receiving.presence.start")("receiver")
collect_seldom()
