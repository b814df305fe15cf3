"""The API's document, the page to try it from, and the answer where there is nothing."""

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
    permission_classes = [ScopeNeeded]  # spectacular has defaults of its own
    scopes = {"GET": Scope.READ}


class TryIt(SpectacularSwaggerSplitView):
    """Swagger UI, for staff who are signed in."""

    authentication_classes = [SessionAuthentication]
    permission_classes = [ScopeNeeded]  # spectacular has defaults of its own
    scopes = {"GET": Scope.READ}
    url_name = "api:document"


@csrf_exempt
def nothing(_: HttpRequest) -> HttpResponse:
    """Every address under /api/ that is none: told as a problem, whoever asks."""
    return problems.answer(404, "not_found")
