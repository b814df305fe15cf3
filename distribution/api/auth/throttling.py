"""Limits requests by token and scope: API_RATES sets the requests a minute for each scope."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from distribution.access import rate_limits
from distribution.api.auth.scopes import required_scope
from distribution.models import ApiToken

if TYPE_CHECKING:  # APIView imports its default throttles, and this is one of them
    from rest_framework.views import APIView


class ScopeThrottle(BaseThrottle):
    """One counter for each token, or signed-in user, and scope."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        scope = required_scope(view, request.method or "")
        if scope is None:
            return True
        holder = (
            request.auth.prefix if isinstance(request.auth, ApiToken) else f"u{request.user.pk}"
        )
        self.rate = rate_limits.count_request(f"{holder}:{scope}", settings.API_RATES[scope])
        request._request.api_rate = self.rate  # type: ignore[attr-defined]  # ApiMiddleware reads it
        return not self.rate.exceeded

    def wait(self) -> float:
        return float(self.rate.reset_seconds)
