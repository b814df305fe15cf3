"""Meta's webhook endpoint: the handshake by GET, webhooks by POST. Verify, store, answer; no more.

No session, no user, no parsing. What was answered 200 is committed; what could not be stored
is answered 503, so that Meta sends it again, for seven days.
"""

from __future__ import annotations

import hashlib
import logging
from http import HTTPStatus

from axes.helpers import get_client_ip_address  # behind our proxies: config.web.client_address
from django.conf import settings
from django.db import Error
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from distribution.runtime.places import Full
from webhooks import masking
from webhooks.metrics import POSTS
from webhooks.receiving import body as bodies
from webhooks.receiving import nudger, places, presence, signature, store
from webhooks.receiving.body import Refused

log = logging.getLogger(__name__)


@csrf_exempt  # the signature proves the sender; there is no cookie to misuse
def whatsapp(request: HttpRequest) -> HttpResponse:
    """The view that Meta calls."""
    if settings.HTTPS and not request.is_secure():  # here, as one of its ways has no middleware
        return _answer(HTTPStatus.FORBIDDEN, "HTTPS only.\n")
    if request.method == "POST":
        return _receive(request)
    if request.method == "GET":
        return _shake_hands(request)
    return HttpResponseNotAllowed(["GET", "POST"])


def _shake_hands(request: HttpRequest) -> HttpResponse:
    """Answer the bare challenge to a caller with our verify token; echo nothing to others."""
    challenge = request.GET.get("hub.challenge", "")
    token = request.GET.get("hub.verify_token", "")
    is_ours = signature.is_our_token(token, settings.WHATSAPP_VERIFY_TOKEN)
    if not (is_ours and request.GET.get("hub.mode") == "subscribe"):
        log.warning("webhook handshake refused, from %s", get_client_ip_address(request))
        return _answer(HTTPStatus.FORBIDDEN)
    if not signature.is_challenge(challenge):
        return _answer(HTTPStatus.FORBIDDEN)
    return _answer(HTTPStatus.OK, challenge)


def _receive(request: HttpRequest) -> HttpResponse:
    try:
        stored = _take(request)
    except Refused as refused:
        if refused.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            presence.note_gap(timezone.now())
        POSTS.labels(refused.answer).inc()
        return _answer(refused.status)
    except Exception:
        presence.note_gap(timezone.now())
        raise
    if stored:
        nudger.request_drain()
    POSTS.labels("stored" if stored else "replayed").inc()
    return _answer(HTTPStatus.OK)


def _take(request: HttpRequest) -> bool:
    """Store the body if it is Meta's; False when it was there already."""
    secrets = settings.WHATSAPP_APP_SECRETS
    if not secrets:
        log.error("webhook not taken: WHATSAPP_APP_SECRET is not set, so nothing can be verified")
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "no_secret")
    header = request.headers.get(signature.HEADER, "")
    if not signature.is_shaped(header):  # before the body, which may be long and is not Meta's
        raise Refused(HTTPStatus.FORBIDDEN, "unsigned")
    body = bodies.read(request, limit=settings.WEBHOOK_BODY_LIMIT)
    signer = signature.verify(body, header, secrets)
    if signer is None:
        _note_forgery(request, body)
        raise Refused(HTTPStatus.FORBIDDEN, "forged")
    try:
        with places.take():
            # A report must not arrive before the gap that qualifies its silence.
            if presence.has_unsaved_gap():
                presence.save(timezone.now())
            return store.store(body, signer, now=timezone.now())
    except Full:  # not logged: those that wait are, and there may be hundreds of these
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "too_many_wait") from None
    except (store.NotStored, Error) as error:
        log.error("webhook not stored, Meta will send it again: %s", masking.first_line(error))
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "not_stored") from error


def _note_forgery(request: HttpRequest, body: bytes) -> None:
    log.warning(
        "webhook with a wrong signature: %d bytes from %s, digest %s",
        len(body),
        get_client_ip_address(request),
        hashlib.sha256(body).hexdigest()[:16],
    )


def _answer(status: HTTPStatus, text: str = "") -> HttpResponse:
    headers = {
        "Content-Type": "text/plain",
        "Content-Length": str(len(text)),
        "X-Content-Type-Options": "nosniff",
    }
    return HttpResponse(text, status=status, headers=headers)
