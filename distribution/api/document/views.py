"""The OpenAPI document, its Swagger page, and what is answered without a token: the index, the
pages of problem types, and a 404 for unknown paths."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import Resolver404, resolve, reverse
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.authentication import SessionAuthentication

from distribution.api.auth.authentication import TokenAuthentication
from distribution.api.auth.scopes import ScopeNeeded, required_scope
from distribution.api.document.schema import NAMES
from distribution.api.http import problems
from distribution.models import Scope

NO_SLASH = "Paths have no trailing slash: use {}."
SLASH = "This path ends with a slash: use {}."
AUTHENTICATION = "Authorization: Bearer dbk_…; an administrator creates tokens in the admin."


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
def without_token(request: HttpRequest, page: str = "", code: str = "") -> HttpResponse:
    """Texts that are the same for everybody; nothing is read from the database or changed."""
    if not page:
        return _not_found(request)
    if request.method not in ("GET", "HEAD"):
        return problems.response(405, "method_not_allowed", headers={"Allow": "GET, HEAD"})
    if page == "index":
        return JsonResponse(index(), json_dumps_params={"ensure_ascii": False})
    return _problem_page(request, code)


def _not_found(request: HttpRequest) -> HttpResponse:
    """A problem that names the path that was meant, if only its last slash is wrong."""
    path = request.path
    other = path.rstrip("/") if path.endswith("/") else f"{path}/"
    try:
        match = resolve(other)
    except (Resolver404, Http404):
        return problems.response(404, "not_found")
    if match.func is without_token and not match.kwargs.get("page"):
        return problems.response(404, "not_found")
    if match.view_name == "api:try-it" and request.method == "GET":  # typed by a person
        return HttpResponseRedirect(other)
    sentence = SLASH if other.endswith("/") else NO_SLASH
    return problems.response(404, "not_found", sentence.format(other))


@cache
def index() -> dict[str, Any]:
    """What exists under /api: each operation with its scope, and where the rest is explained."""
    operations = []
    for key, name in NAMES["operations"].items():
        method, path = key.split()
        view: Any = resolve(path.replace("{id}", "1")).func.cls  # type: ignore[attr-defined]
        text = getattr(view, method.lower()).__doc__ or view.__doc__
        operations.append(
            {
                "id": name,
                "method": method,
                "path": path,
                "scope": required_scope(view, method),
                "summary": text.strip().partition("\n")[0].rstrip("."),
            }
        )
    return {
        "name": "Daybreak",
        "version": settings.SPECTACULAR_SETTINGS["VERSION"],
        "authentication": AUTHENTICATION,
        "openapi": reverse("api:document"),
        "documentation": reverse("api:try-it"),
        "problems": reverse("api:problems"),
        "operations": operations,
    }


def _problem_page(request: HttpRequest, code: str) -> HttpResponse:
    """The page that the `type` of a problem leads to, or the list of all of them."""
    if code and code not in problems.TYPES:
        return problems.response(404, "not_found")
    codes = [code] if code else list(problems.TYPES)
    told = [
        {
            "code": one,
            "status": status,
            "phrase": HTTPStatus(status).phrase,
            "title": title,
            # Words in backquotes are code: every second part.
            "advice": list(enumerate(advice.split("`"))),
        }
        for one, (status, title, advice) in ((one, problems.TYPES[one]) for one in codes)
    ]
    return render(request, "api/problems.html", {"problems": told, "alone": bool(code)})
