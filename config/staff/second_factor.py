"""The second factor of staff: a code from an authenticator app, or one of ten spare codes.

TWO_FACTOR: `off` never requires it, `optional` requires it of users who have set it up, `required`
makes every user set it up.
"""

from __future__ import annotations

import io

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
from django.utils.deprecation import MiddlewareMixin
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString, mark_safe
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

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
WRONG_CODE = (
    "That code is not right. Codes change every 30 seconds; after a wrong one wait a little."
)


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


@login_required(login_url="admin:login")
def enter_code(request: HttpRequest) -> HttpResponse:
    """Take the code; a spare code is valid once."""
    error = ""
    if request.method == "POST":
        device = django_otp.match_token(request.user, request.POST.get("code", "").strip())
        if device is not None:
            request.session.cycle_key()
            django_otp.login(request, device)
            return _redirect_to_next(request)
        error = WRONG_CODE
    return _page(request, "enter_code", "Enter your code", error=error)


@login_required(login_url="admin:login")
def set_up(request: HttpRequest) -> HttpResponse:
    """Show the secret as a QR code until a first code proves that the app has it."""
    user = request.user
    assert isinstance(user, User)  # login_required
    if django_otp.user_has_device(user) and not user.is_verified():  # type: ignore[attr-defined]
        return redirect("second_factor")  # else a stolen password would suffice to set up a phone
    device, _ = TOTPDevice.objects.get_or_create(
        user=user, confirmed=False, defaults={"name": "phone"}
    )
    error = ""
    if request.method == "POST":
        if device.verify_token(request.POST.get("code", "").strip()):
            return _page(request, "done", "Write these down", codes=_confirm(request, device))
        error = WRONG_CODE
    return _page(
        request, "set_up", "Set up your code", error=error, qr_code=qr_code(device.config_url)
    )


def remove_devices(user: User) -> None:
    """Remove the second factor of a user who lost the phone; they set it up again."""
    TOTPDevice.objects.filter(user=user).delete()
    StaticDevice.objects.filter(user=user).delete()


@transaction.atomic
def _confirm(request: HttpRequest, device: TOTPDevice) -> list[str]:
    TOTPDevice.objects.filter(user=device.user).exclude(pk=device.pk).delete()
    StaticDevice.objects.filter(user=device.user).delete()
    device.confirmed = True
    device.save()
    spare = StaticDevice.objects.create(user=device.user, name="spare codes")
    codes = [StaticToken.random_token() for _ in range(SPARE_CODES_COUNT)]
    StaticToken.objects.bulk_create([StaticToken(device=spare, token=code) for code in codes])
    request.session.cycle_key()
    django_otp.login(request, device)
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
