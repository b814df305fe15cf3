"""Reset a forgotten password by e-mail.

The answer and its cost are the same for every address: one count, one look-up, one insert. The link
is made when the e-mail is sent, so no stored row opens an account; it works once, for
PASSWORD_RESET_TIMEOUT. It replaces the password only: the second factor is still asked for.
"""

from __future__ import annotations

import unicodedata
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import views
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.models import User
from django.contrib.messages import success
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse, reverse_lazy
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from unfold.widgets import INPUT_CLASSES

from config.staff import sessions, sign_in_log
from config.web.client_address import client_network
from distribution.models import (
    Notification,
    NotificationChannel,
    NotificationKind,
    NotificationState,
)
from distribution.notifications.writing import Message, row

ASK, SENT, CONFIRM = "admin_password_reset", "password_reset_sent", "password_reset_confirm"
PERIOD = timedelta(hours=1)
# Requests in PERIOD; beyond, the answer is the same and nothing is sent.
ADDRESS_LIMIT, NETWORK_LIMIT, TOTAL_LIMIT = 3, 10, 500
ACCOUNTS_LIMIT = 5  # with one address
RESET = "Reset the password with a link sent by e-mail."  # in the audit log


class AddressForm(forms.Form):
    email = forms.EmailField(
        label=gettext_lazy("E-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True}),
        error_messages={
            "required": gettext_lazy("Enter your e-mail address."),
            "invalid": gettext_lazy("Enter an e-mail address such as name@example.com."),
        },
    )


class NewPasswordForm(SetPasswordForm):  # type: ignore[type-arg]  # not generic at run time
    """Django's form in the look of the other pages."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["class"] = " ".join(INPUT_CLASSES)


@never_cache
def ask(request: HttpRequest) -> HttpResponse:
    """Ask for a link. Whether the address has an account shows nowhere in the answer."""
    form = AddressForm(request.POST if request.method == "POST" else None)
    if settings.EMAIL_ENABLED and request.method == "POST" and form.is_valid():
        request_link(
            form.cleaned_data["email"], network=client_network(request), now=timezone.now()
        )
        return HttpResponseRedirect(reverse(SENT))
    return _page(request, "ask", _("Reset your password"), form=form)


@never_cache
def sent(request: HttpRequest) -> HttpResponse:
    """The same for every address."""
    minutes = settings.PASSWORD_RESET_TIMEOUT // 60
    return _page(request, "sent", _("Check your e-mail"), minutes=minutes)


def request_link(address: str, *, network: str, now: datetime) -> None:
    """Have a link sent to each account with this address, unless too many were asked for."""
    wanted = _digest(address)
    resets = Notification.objects.filter(kind=NotificationKind.PASSWORD_RESET)
    recent = resets.filter(since__gt=now - PERIOD)
    asked = list(recent.values_list("asked_for", "asked_from")[: TOTAL_LIMIT + 1])
    if (
        sum(digest == wanted for digest, _network in asked) >= ADDRESS_LIMIT
        or sum(network == place for _digest_, place in asked) >= NETWORK_LIMIT
        or len(asked) >= TOTAL_LIMIT
    ):
        return
    people = _people_with(address)
    rows = [_link_to(person, now) for person in people] or [_link_to(None, now)]
    for written in rows:
        written.asked_for, written.asked_from = wanted, network
    Notification.objects.bulk_create(rows)


def _people_with(address: str) -> list[User]:
    """Active staff who have it. Two addresses that only look alike are not the same."""
    found = User.objects.filter(email__iexact=address, is_active=True, is_staff=True)
    alike = [user for user in found.order_by("pk") if _folded(user.email) == _folded(address)]
    return [user for user in alike if user.has_usable_password()][:ACCOUNTS_LIMIT]


def _link_to(person: User | None, now: datetime) -> Notification:
    name = person.get_username() if person is not None else ""
    text = _(
        "Somebody asked to reset the password of “%(name)s”. To choose a new password, open this "
        "link within %(minutes)d minutes. If it wasn't you, ignore this e-mail: nothing changes."
    ) % {"name": name, "minutes": settings.PASSWORD_RESET_TIMEOUT // 60}
    message = Message(NotificationKind.PASSWORD_RESET, _("Reset your Daybreak password"), text)
    link = row(message, person, NotificationChannel.EMAIL, now=now)
    if person is None:  # nobody to send it to: a row all the same, for the limits and the time
        link.state = NotificationState.DROPPED
    return link


def _folded(address: str) -> str:
    return unicodedata.normalize("NFKC", address).casefold()


def _digest(address: str) -> str:
    return salted_hmac("daybreak.password-reset", _folded(address), algorithm="sha256").hexdigest()


@method_decorator(sensitive_post_parameters(), name="dispatch")
@method_decorator(never_cache, name="dispatch")
class Confirm(views.PasswordResetConfirmView):
    """Choose the new password. Signing in afterwards asks for the second factor as always."""

    form_class = NewPasswordForm
    success_url = reverse_lazy("admin:login")
    template_name = "admin/password_reset/confirm.html"
    title = gettext_lazy("Choose a new password")

    def get_user(self, uidb64: str) -> Any:
        user = super().get_user(uidb64)
        return user if user is not None and user.is_active and user.is_staff else None

    def form_valid(self, form: Any) -> HttpResponse:
        now = timezone.now()
        response = super().form_valid(form)
        user = form.user
        sessions.end_sessions(user, now=now)
        sign_in_log.write(self.request, user, RESET)
        _tell_of_change(user, now)
        success(self.request, _("Password changed. Sign in with your new password."))
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        if not self.validlink:
            context["title"] = _("This link no longer works")
        return {**admin.site.each_context(self.request), **context}


def _tell_of_change(user: User, now: datetime) -> None:
    """The owner of the account hears of it even if somebody else read their e-mail."""
    if not (settings.EMAIL_ENABLED and user.email):
        return
    text = _(
        "The password of “%(name)s” was reset with a link sent to this address, and all open "
        "sessions were signed out. If it wasn't you, tell an administrator at once."
    ) % {"name": user.get_username()}
    message = Message(NotificationKind.PASSWORD_CHANGED, _("Your password was reset"), text)
    row(message, user, NotificationChannel.EMAIL, now=now).save()


def _page(request: HttpRequest, name: str, title: str, **context: object) -> HttpResponse:
    page = {**admin.site.each_context(request), "title": title, **context}
    page["is_enabled"] = settings.EMAIL_ENABLED
    return render(request, f"admin/password_reset/{name}.html", page)
