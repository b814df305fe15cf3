"""*Preflight*: the last result, the history, and "Test everything now"."""

from __future__ import annotations

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from config.admin.setup import SEE, SET_UP, allowed
from config.preflight import background, run
from config.preflight.run import PreflightRefusedError
from config.setup.items import Item, Result
from distribution.models import Preflight, PreflightState
from phonepool.models import PhoneNumber
from subscribers import shown_part
from subscribers.admin import form_keys
from subscribers.admin.confirmed_action import log_action
from subscribers.admin.page_frame import staff_user
from subscribers.whole_numbers import whole_number

RUN = "distribution.run_preflight"
SHOWN = 30  # preflights of the history
COLOURS = {"GREEN": "db-good", "AMBER": "db-open", "RED": "db-bad"}


@allowed(SEE, SET_UP, RUN)
def page(request: HttpRequest) -> HttpResponse:
    """The chosen preflight, or the latest, above the history."""
    run.settle(timezone.now())
    rows = Preflight.objects.select_related("started_by")
    part = shown_part.of(rows, SHOWN, start=shown_part.start_of(request))
    asked = whole_number(request.GET.get("preflight", ""))
    chosen = Preflight.objects.filter(pk=asked).first() if asked else None
    shown = chosen or rows.first()
    frame = admin.site.each_context(request)
    context = {
        "title": _("Preflight"),
        "shown": shown,
        "is_running": shown is not None and shown.state == PreflightState.RUNNING,
        "items": _items(shown) if shown else [],
        "colour": COLOURS.get(shown.verdict, "") if shown else "",
        "history": [(one, COLOURS.get(one.verdict, "")) for one in part.rows],
        "part": part,
        "may_run": request.user.has_perm(RUN),
    }
    return TemplateResponse(request, "admin/preflight/page.html", {**frame, **context})


def _items(preflight: Preflight) -> list[Item]:
    """The failures first, then the doubts, then what is in order."""
    order = [Result.FAILS, Result.WARNING, Result.NOT_CHECKED, Result.OK]
    rows = preflight.checks.select_related("number")
    items = [
        Item(f"{row.key}-{row.pk}", run.title(row), Result(row.result), row.seen, row.to_do)
        for row in rows
    ]
    return sorted(items, key=lambda item: order.index(item.result))


@require_POST
@allowed(RUN)
def start(request: HttpRequest) -> HttpResponse:
    """Begins a preflight in the background: it takes up to 90 seconds."""
    back = HttpResponseRedirect(reverse("preflight"))
    if (earlier := form_keys.earlier_result(request)) is not None:
        return earlier
    try:
        done = form_keys.once(request, lambda: _start(request), by_values=False)
    except PreflightRefusedError as refusal:
        messages.error(request, str(refusal))
        return back
    return done or back


def _start(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    preflight = run.create_by_hand(by=staff_user(request), now=now)
    _log(request, preflight)
    background.begin(preflight)
    messages.success(request, _("The tests are running. Results come within 90 seconds."))
    return HttpResponseRedirect(f"{reverse('preflight')}?preflight={preflight.pk}")


def _log(request: HttpRequest, preflight: Preflight) -> None:
    log_action(admin.site._registry[PhoneNumber], request, preflight, "test everything")
