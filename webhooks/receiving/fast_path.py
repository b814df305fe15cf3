"""The short way in for Meta's webhooks, past everything that serves people.

Middleware, signals and the search through all routes cost more than verifying and storing a
webhook does, and it needs none of them. The route in `webhooks/urls.py` leads to the same view
by the long way.
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


def beside(site: Application) -> Application:
    """`site`, but for what Meta calls; for `config/wsgi.py`."""
    return before(site, {})


def before(site: Application, views: Mapping[str, View]) -> Application:
    """`site`, but for what Meta calls, and for `views` by their very paths."""
    # By its name: who asks imports this module before Django is set up.
    whatsapp: View = import_string("webhooks.views.whatsapp")
    ways = {
        path: cast(View, convert_exception_to_response(view))
        for path, view in {**views, **dict.fromkeys(PATHS, whatsapp)}.items()
    }

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        respond = ways.get(environ["PATH_INFO"])
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
