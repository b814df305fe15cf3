"""WSGI wrapper: serve Meta's webhook without Django's middleware.

Middleware, signals and URL resolving cost more than verifying and storing a webhook does, and it
needs none of them. The route in `webhooks/urls.py` leads to the same view through all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, cast

from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIRequest
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string

Application: TypeAlias = Callable[[dict[str, Any], Any], Iterable[bytes]]
View: TypeAlias = Callable[[HttpRequest], HttpResponse]

PATHS = frozenset(("/webhooks/whatsapp", "/webhooks/whatsapp/"))


def serve_first(site: Application, views: Mapping[str, View] | None = None) -> Application:
    """`site`, except for the paths that Meta calls and the exact paths of `views`."""
    # By name: this module is imported before Django is set up.
    whatsapp: View = import_string("webhooks.views.whatsapp")
    routes = {
        path: cast(View, convert_exception_to_response(view))
        for path, view in {**(views or {}), **dict.fromkeys(PATHS, whatsapp)}.items()
    }

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        respond = routes.get(environ["PATH_INFO"])
        if respond is None:
            return site(environ, start_response)
        try:
            response = respond(WSGIRequest(environ))
        finally:
            close_old_connections()  # as Django does around each request
        status = f"{response.status_code} {response.reason_phrase}"
        start_response(status, list(response.items()))
        return [response.content]

    return application
