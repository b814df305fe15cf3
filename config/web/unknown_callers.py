"""Limits how often the API refuses unauthenticated callers from one address per minute.

Only refused requests are counted, so a program with a valid token is never affected by others at
the same address.
"""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

from config.web.client_address import client_network
from distribution.access import rate_limits
from distribution.api.http import problems


class UnknownCallers(MiddlewareMixin):
    """Middleware inside ApiMiddleware, which sends the rate limit headers."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if response.status_code != 401 or not problems.is_api(request):
            return response
        rate = rate_limits.count_request(
            f"stranger:{client_network(request)}", settings.API_RATE_STRANGERS
        )
        request.api_rate = rate  # type: ignore[attr-defined]  # ApiMiddleware reads it
        if not rate.exceeded:
            return response
        return problems.response(429, "throttled", headers={"Retry-After": str(rate.reset_seconds)})
