"""The OpenAPI document, its Swagger page, and the response for unknown paths."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.authentication import SessionAuthentication

from distribution.api.auth.authentication import TokenAuthentication
from distribution.api.auth.scopes import ScopeNeeded
from distribution.api.http import problems
from distribution.models import Scope


class Document(SpectacularAPIView):
    """OpenAPI 3.1, as docs/openapi.yml."""

    authentication_classes = [TokenAuthentication, SessionAuthentication]
    permission_classes = [ScopeNeeded]  # spectacular overrides the defaults
    scopes = {"GET": Scope.READ}


class TryIt(SpectacularSwaggerSplitView):
    """Swagger UI, for staff who are signed in."""

    authentication_classes = [SessionAuthentication]
    permission_classes = [ScopeNeeded]  # spectacular overrides the defaults
    scopes = {"GET": Scope.READ}
    url_name = "api:document"


@csrf_exempt
def not_found(_: HttpRequest) -> HttpResponse:
    """Every unknown path under /api/: a problem response, with or without a token."""
    return problems.response(404, "not_found")
