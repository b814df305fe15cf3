"""The receiver's entry point: `granian --interface wsgi config.receiver:application`.

Production's door for Meta, with threads of its own: no request of the API or the admin, however
slow, takes one from it. It knows neither, so nobody reaches them here: what is not named below
is not found.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import django
from django.utils.module_loading import import_string

from webhooks.receiving.fast_path import before

NOT_FOUND = b"Not found.\n"
# By their names: they need the records, and so Django set up.
BESIDE_WEBHOOKS = {
    "/health/live": "config.monitoring.endpoints.live",
    "/health/ready": "config.monitoring.endpoints.ready_to_receive",
    # Only the counts of this process.
    "/metrics": "config.monitoring.endpoints.metrics",
}


def nothing(_: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """404, whatever was asked for."""
    headers = {
        "Content-Type": "text/plain",
        "Content-Length": str(len(NOT_FOUND)),
        "X-Content-Type-Options": "nosniff",
    }
    start_response("404 Not Found", list(headers.items()))
    return [NOT_FOUND]


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()
application = before(nothing, {path: import_string(view) for path, view in BESIDE_WEBHOOKS.items()})
import_string("webhooks.receiving.presence.begin")("receiver")
