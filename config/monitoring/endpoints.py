"""Whether this machine works, for those who watch it: health, metrics, Sentry."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Any, Generic, TypeVar, cast

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView

from config import broker
from config.settings.logs import redactor
from distribution.models import Heartbeat
from distribution.models.heartbeats import KEEPER, is_silent

logger = logging.getLogger(__name__)

LIMIT_SECONDS = 1.0
Answer = TypeVar("Answer")
FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP")


class Probe(Generic[Answer]):
    """Asks a question that may hang, in a thread of its own, and waits for a limited time only.

    While one asker still hangs, nobody asks anew: a frozen database must not collect threads.
    """

    def __init__(self, ask: Callable[[], Answer]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._asker: Asker[Answer] | None = None

    def well(self, limit: float = LIMIT_SECONDS) -> bool:
        """Whether the answer was yes and came within `limit` seconds."""
        return bool(self.answer(limit))

    def answer(self, limit: float = LIMIT_SECONDS) -> Answer | None:
        """The answer, or None when none came within `limit` seconds."""
        with self._lock:
            asker = self._asker
            if asker is None or not asker.is_alive():
                asker = self._asker = Asker(self._ask)
                asker.start()
        asker.join(limit)
        return asker.answer


class Asker(threading.Thread, Generic[Answer]):
    """Asks once. A daemon, because a process that ends does not wait for the answer."""

    def __init__(self, ask: Callable[[], Answer]) -> None:
        super().__init__(name="health", daemon=True)
        self._ask = ask
        self.answer: Answer | None = None

    def run(self) -> None:
        try:
            self.answer = self._ask()
        except Exception as error:
            logger.warning("Not ready: %s: %s", type(error).__name__, error)


def database_answers() -> bool:
    """Asks on a connection of this thread's own: one that others hold may be in mid-answer."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return bool(cursor.fetchone() == (1,))
    finally:
        connection.close()


def broker_answers() -> bool:
    """A PING to the broker."""
    return broker.answers(settings.REDIS_URL)


def keeper_lives() -> bool:
    """Whether the second engine was heard of lately, on a connection of this thread's own."""
    try:
        heard = Heartbeat.objects.filter(pk=KEEPER).values_list("at", flat=True).first()
        return not is_silent(heard, timezone.now())
    finally:
        connection.close()


PROBES = {
    "database": Probe(database_answers),
    "broker": Probe(broker_answers),
    "keeper": Probe(keeper_lives),
}
NEEDED = ("database", "broker")  # without these, others should be asked instead of this machine


@never_cache
@require_safe
def live(_: HttpRequest) -> HttpResponse:
    """200 while this process can answer at all; asks nobody else."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def ready(_: HttpRequest) -> HttpResponse:
    """200 when database and broker answer in time, else 503; names what does not.

    A silent keeper is said, too, but a web server serves as well without one.
    """
    return _told(PROBES, needed=NEEDED)


@never_cache
@require_safe
def ready_to_receive(_: HttpRequest) -> HttpResponse:
    """200 when the database answers in time, else 503: to take a webhook nobody else is needed."""
    return _told(["database"], needed=["database"])


def _told(names: Iterable[str], *, needed: Iterable[str]) -> HttpResponse:
    state = {name: "ok" if PROBES[name].well() else "down" for name in names}
    overall = "ok" if set(state.values()) == {"ok"} else "degraded"
    usable = all(state[name] == "ok" for name in needed)
    return JsonResponse({"status": overall, **state}, status=200 if usable else 503)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' page, for those in METRICS_ALLOWED only; to others there is nothing here."""
    if not _may_see_metrics(request):
        return HttpResponseNotFound()
    return cast(HttpResponse, ExportToDjangoView(request))


def _may_see_metrics(request: HttpRequest) -> bool:
    """By the peer's address. What came through a proxy has the proxy's, so it does not count."""
    if any(header in request.META for header in FORWARDED):
        return False
    try:
        peer = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    peer = getattr(peer, "ipv4_mapped", None) or peer  # ::ffff:127.0.0.1, a socket for both kinds
    return any(peer in network for network in settings.METRICS_ALLOWED)


def start_sentry(dsn: str) -> None:
    """Reports errors to Sentry if there is a DSN: no bodies, no variables, nothing unredacted."""
    if not dsn:
        return
    import sentry_sdk  # half a second that most processes need not spend

    redact = redactor(settings.LOG_SECRETS)
    sentry_sdk.init(
        dsn=dsn,
        send_default_pii=False,
        include_local_variables=False,  # they hold phone numbers and tokens
        max_request_body_size="never",
        before_send=lambda event, _: redact_all(event, redact),
    )


def redact_all(value: Any, redact: Callable[[str], str]) -> Any:
    """`value` with every string in it, however deep, redacted."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: redact_all(inner, redact) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redact_all(inner, redact) for inner in value]
    return value
