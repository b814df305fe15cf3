"""Pages and API calls that wait for a frozen database must not hold all threads of the process."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from config.web.headers import API_PATH
from distribution.runtime.background import PerProcess
from distribution.runtime.places import Full, Limit, Places, at_most

LIMIT = Limit(places=at_most(), long_seconds=2.0, of=max)  # one slow export causes no refusals
UNLIMITED = ("/health/", "/metrics", "/webhooks/")  # these limit their own waiting time
RETRY_SECONDS = 5
SENTENCE = "The server is busy, or its database does not answer. Try again in a few seconds."

_places = PerProcess(lambda: Places(LIMIT))


class FewWaiting:
    """Middleware, before the first that needs the database and behind the static files."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path.startswith(UNLIMITED):
            return self._get_response(request)
        try:
            with _places.get().take():
                return self._get_response(request)
        except Full:
            return _refusal(request)


def _refusal(request: HttpRequest) -> HttpResponse:
    headers = {"Retry-After": str(RETRY_SECONDS)}
    if request.path.startswith(API_PATH):
        from distribution.api.http import problems  # cannot be imported while settings load

        return problems.response(503, "database_away", SENTENCE, headers=headers)
    return HttpResponse(f"{SENTENCE}\n", status=503, content_type="text/plain", headers=headers)
