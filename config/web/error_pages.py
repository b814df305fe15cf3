"""Pages for requests that cannot be read. What is under /api/ gets problem details instead."""

from __future__ import annotations

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _

from config.web import request_ids
from distribution.api.http import problems

ANY = _("The address or its headers are not what a browser sends. Go back and try again.")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400 with what to do. Of other exceptions than our own nothing is shown: they may say more
    than a stranger should know."""
    if problems.is_api(request):
        return problems.bad_request(request, exception)
    sentence = str(exception) if isinstance(exception, BadRequest) else str(ANY)
    return HttpResponse(render_to_string("400.html", _context(sentence=sentence)), status=400)


def server_error(request: HttpRequest) -> HttpResponse:
    """500, by a template that needs neither the database nor the session."""
    if problems.is_api(request):
        return problems.server_error(request)
    return HttpResponse(render_to_string("500.html", _context()), status=500)


def _context(**values: str) -> dict[str, str]:
    """What the page says, with the id by which the log lines of this request are found."""
    return {"request_id": request_ids.current(), **values}
