"""The second factor of staff: a code from an authenticator app, or one of ten recovery codes.

TWO_FACTOR: `off` never requires it, `optional` requires it of users who have set it up, `required`
makes every user set it up. It is replaced only by who confirms with password and present code
(`config/staff/confirmation.py`), or after an administrator removed it; each of that is logged.
"""

from __future__ import annotations

import io
from base64 import b32encode
from binascii import hexlify
from typing import Any

import django_otp
import qrcode
import qrcode.image.svg
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.deprecation import MiddlewareMixin
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from config.staff import sign_in_log
from distribution.api.http import problems

CODE_VIEW, SET_UP_VIEW = "second_factor", "second_factor_set_up"
EXEMPT_VIEWS = (
    CODE_VIEW,
    SET_UP_VIEW,
    "admin:logout",
    "admin:login",
    "admin:jsi18n",
)
SPARE_CODES_COUNT = 10
SET_UP = "Set up two-factor authentication."  # in the audit log
REPLACED = "Replaced two-factor authentication."
WRONG_CODE = gettext_lazy("Incorrect code. Wait for the next one and try again.")


class SecondFactorGate(MiddlewareMixin):
    """Middleware: users who signed in by password alone reach only the page for the code."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        name = next_step(request)
        if not name or request.path in {reverse(view) for view in EXEMPT_VIEWS}:
            return None
        if problems.is_api(request):
            return problems.response(403, "second_factor", "Enter your code in the admin first.")
        return redirect(f"{reverse(name)}?next={request.path}")


def next_step(request: HttpRequest) -> str:
    """The view that a signed-in user must pass first; empty when none is left."""
    user = request.user
    if settings.TWO_FACTOR == "off" or not user.is_authenticated:
        return ""
    if user.is_verified():  # type: ignore[attr-defined]
        return ""
    if django_otp.user_has_device(user):
        return CODE_VIEW
    return SET_UP_VIEW if settings.TWO_FACTOR == "required" else ""


def matches(request: HttpRequest, user: User, code: str) -> Any:
    """The user's device of which this is a valid code, or None, which is logged. A spare code is
    valid once."""
    device = django_otp.match_token(user, code.strip())
    if device is None:
        sign_in_log.write_failure(request, user, sign_in_log.WRONG_CODE)
    return device


@never_cache
@login_required(login_url="admin:login")
def enter_code(request: HttpRequest) -> HttpResponse:
    """Take the code; a spare code is valid once."""
    error, user = "", request.user
    assert isinstance(user, User)  # login_required
    if request.method == "POST":
        is_first = bool(next_step(request))
        if device := matches(request, user, request.POST.get("code", "")):
            request.session.cycle_key()
            django_otp.login(request, device)
            if is_first:
                sign_in_log.completed(request, user)
            return _redirect_to_next(request)
        error = str(WRONG_CODE)
    return _page(request, "enter_code", _("Enter your code"), error=error)


@never_cache
@login_required(login_url="admin:login")
def set_up(request: HttpRequest) -> HttpResponse:
    """Show the secret as a QR code until a first code proves that the app has it.

    Nothing is stored before: until then the secret follows from the session.
    """
    user = request.user
    assert isinstance(user, User)  # login_required
    if django_otp.user_has_device(user) and not user.is_verified():  # type: ignore[attr-defined]
        return redirect("second_factor")  # else a stolen password would suffice to set up a phone
    key, error = _new_key(request), ""
    if request.method == "POST":
        if step := _step_of(key, request.POST.get("code", "").strip()):
            codes = _confirm(request, user, key, step)
            return _page(request, "done", _("Save your recovery codes"), codes=codes)
        error = str(WRONG_CODE)
    url = TOTPDevice(user=user, key=hexlify(key).decode()).config_url
    shown = {"qr_code": qr_code(url), "key": b32encode(key).decode()}
    return _page(request, "set_up", _("Set up two-factor authentication"), error=error, **shown)


def remove_devices(user: User) -> None:
    """Remove the second factor of a user who lost the phone; they set it up again."""
    TOTPDevice.objects.filter(user=user).delete()
    StaticDevice.objects.filter(user=user).delete()


def _new_key(request: HttpRequest) -> bytes:
    """The secret that this session offers: 160 bits, which only the server can derive."""
    text = f"{request.user.pk} {request.session.session_key}"
    return salted_hmac("daybreak.second-factor", text, algorithm="sha256").digest()[:20]


def _step_of(key: bytes, code: str) -> int:
    """The time step of a valid first code, 0 for a wrong one; the neighbours are tolerated."""
    if not (code.isascii() and code.isdigit()):
        return 0
    shown = TOTP(key)
    return int(shown.t()) if shown.verify(int(code), tolerance=1) else 0


@transaction.atomic
def _confirm(request: HttpRequest, user: User, key: bytes, step: int) -> list[str]:
    is_first = bool(next_step(request))
    replaced = django_otp.user_has_device(user)
    remove_devices(user)
    device = TOTPDevice.objects.create(
        user=user, name="phone", key=hexlify(key).decode(), confirmed=True, last_t=step
    )
    spare = StaticDevice.objects.create(user=user, name="spare codes")
    codes = [StaticToken.random_token() for _number in range(SPARE_CODES_COUNT)]
    StaticToken.objects.bulk_create([StaticToken(device=spare, token=code) for code in codes])
    request.session.cycle_key()
    django_otp.login(request, device)
    sign_in_log.write(request, user, REPLACED if replaced else SET_UP)
    if is_first:
        sign_in_log.completed(request, user)
    return codes


def qr_code(url: str) -> SafeString:
    """A QR code as inline SVG: no file, no other origin."""
    svg = io.BytesIO()
    qrcode.make(url, image_factory=qrcode.image.svg.SvgPathImage, box_size=12).save(svg)
    return mark_safe(svg.getvalue().decode().partition("?>")[2])  # noqa: S308 - generated above


def _page(request: HttpRequest, name: str, title: str, **context: object) -> HttpResponse:
    page = {**admin.site.each_context(request), "title": title, **context}
    page["next"] = request.GET.get("next", "")
    return render(request, f"admin/second_factor/{name}.html", page)


def _redirect_to_next(request: HttpRequest) -> HttpResponseRedirect:
    target = request.GET.get("next", "")
    safe = url_has_allowed_host_and_scheme(
        target, {request.get_host()}, require_https=request.is_secure()
    )
    return HttpResponseRedirect(target if safe else reverse("admin:index"))
