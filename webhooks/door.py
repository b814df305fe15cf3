"""The short way in for Meta's webhooks, past everything that serves people.

Sessions, users, messages and the search through all routes cost as much as verifying and
storing a webhook does, and it needs none of them. The route in `webhooks/urls.py` leads to the
same view by the long way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler

from webhooks import views

Application: TypeAlias = Callable[[dict[str, Any], Any], Iterable[bytes]]

PATHS = frozenset(("/webhooks/whatsapp", "/webhooks/whatsapp/"))


class Door(WSGIHandler):
    """Django's own handler around a single view."""

    def load_middleware(self, is_async: bool = False) -> None:  # noqa: ARG002
        """None: the view does all that a webhook needs."""
        self._middleware_chain = convert_exception_to_response(views.whatsapp)


def beside(site: Application) -> Application:
    """`site`, but for what Meta calls; for `config/wsgi.py`."""
    door = Door()

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        handler = door if environ["PATH_INFO"] in PATHS else site
        return handler(environ, start_response)

    return application
