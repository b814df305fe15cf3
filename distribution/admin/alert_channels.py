"""Alert channels in the admin: where alerts can go, and a test of each."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Model
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from standardwebhooks import Webhook
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from distribution.alert_channels import delivery
from distribution.alert_channels.senders import mail, services, webhook
from distribution.event_webhooks import address_guard
from distribution.models import AlertChannel, AlertRoute, ChannelKind, Notification
from distribution.models.alert_channels import ADDRESS_LENGTH
from distribution.models.outgoing import new_secret
from subscribers.admin.confirmed_action import (
    Confirmation,
    action_button,
    confirm,
    log_action,
)
from subscribers.admin.model_forms import CarefulForms
from subscribers.admin.page_frame import viewable_row

RECIPIENTS_LIMIT = 20  # of one e-mail channel
KEY_LENGTH = 32  # characters of PagerDuty's integration keys
KEPT = _("Leave empty to keep the stored one, which is not shown.")


class ChannelForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """Stored secrets never come back into the page: an empty field keeps them."""

    secret_address = forms.CharField(
        label=_("Address or key"),
        max_length=ADDRESS_LENGTH,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text=_(
            "PagerDuty: the integration key of a service (Events API v2). E-mail: addresses, "
            "separated by commas. Webhook: an https:// address. Others: the service’s URL, such as "
            "https://hooks.slack.com/services/…, the address of a Teams workflow, or "
            "tgram://BotToken/ChatId."
        ),
    )
    signing_secret = forms.CharField(
        label=_("Signing secret"),
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text=_(
            "Webhook: signs what is posted; copy it to the receiver now, it is not shown again. "
            "PagerDuty: the secret of its webhook, so that it can acknowledge alerts here. Others "
            "don’t use it."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        is_new = self.instance.pk is None
        for name in {"secret_address", "signing_secret"} & set(self.fields):
            self.initial[name] = "" if not is_new or name == "secret_address" else new_secret()
            if not is_new:
                self.fields[name].required = False
                self.fields[name].help_text = f"{self.fields[name].help_text} {KEPT}"

    def clean_signing_secret(self) -> str:
        return self.cleaned_data["signing_secret"].strip() or self.instance.signing_secret

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        kind = cleaned.get("kind", self.instance.kind)
        if "secret_address" in self.fields and "secret_address" in cleaned:
            given = cleaned["secret_address"].strip()
            if not given and self.instance.pk and kind != self.instance.kind:
                self.add_error("secret_address", gettext("Enter the address or key of this type."))
            address = given or self.instance.secret_address
            cleaned["secret_address"] = address
            if given and (objection := _objection(kind, address)):
                self.add_error("secret_address", objection)
        is_signed = kind == ChannelKind.WEBHOOK and "signing_secret" in cleaned
        if is_signed and (objection := _secret_objection(cleaned["signing_secret"])):
            self.add_error("signing_secret", objection)
        return cleaned


def _objection(kind: str, address: str) -> str:
    """Why alerts could not go there, and what to do; '' if they can."""
    try:
        if kind == ChannelKind.PAGERDUTY:
            is_key = len(address) == KEY_LENGTH and address.isalnum() and address.isascii()
            return "" if is_key else gettext("An integration key has 32 letters and digits.")
        if kind == ChannelKind.SERVICE:
            services.check(address)
        elif kind == ChannelKind.WEBHOOK:
            address_guard.check_reachable(address)
        elif kind == ChannelKind.EMAIL:
            return _mail_objection(address)
    except (services.ServiceError, address_guard.AddressError) as error:
        return str(error)
    return ""


def _mail_objection(address: str) -> str:
    found = address.replace(",", " ").split()
    if len(found) > RECIPIENTS_LIMIT:
        return gettext("Enter at most %(limit)s addresses.") % {"limit": RECIPIENTS_LIMIT}
    for one in found:
        try:
            validate_email(one)
        except ValidationError:
            return gettext("“%(one)s” is no e-mail address.") % {"one": one}
    return ""


def _secret_objection(secret: str) -> str:
    try:
        Webhook(secret)
    except (RuntimeError, ValueError):
        return gettext("Enter whsec_ and base64, or leave the field as it was.")
    return ""


@admin.register(AlertChannel)
class AlertChannelAdmin(CarefulForms, ModelAdmin):
    """Never deleted: what a channel was sent stays on record. One that is not needed is off."""

    form = ChannelForm
    list_display = ["name", "kind", "goes_to", "active", "state", "last_sent_at"]
    list_filter = ["kind", "active"]
    list_per_page = 50
    fields = ["name", "kind", "secret_address", "signing_secret", "active"]
    actions_detail = ["send_test"]

    @display(description=_("goes to"))
    def goes_to(self, channel: AlertChannel) -> str:
        return goes_to(channel)

    @display(
        description=_("state"),
        label={"Works": "success", "Off": "info", "Not used yet": "info", "Fails": "danger"},
    )
    def state(self, channel: AlertChannel) -> str:
        if not channel.active:
            return "Off"
        if channel.last_error:
            return "Fails"
        return "Works" if channel.last_sent_at else "Not used yet"

    @display(description=_("last error"), empty_value="–")
    def error(self, channel: AlertChannel) -> str | None:
        return channel.last_error or None

    @display(description=_("webhook of PagerDuty"))
    def pagerduty_webhook(self, channel: AlertChannel) -> str:
        """Where PagerDuty posts, so that an acknowledgement there counts here."""
        return settings.PUBLIC_URL + reverse("alert_pagerduty", args=[channel.pk])

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj is None:
            return list(self.fields or ())
        if obj.builtin:  # its address and secret come from the settings
            return ["name", "goes_to", "active", "error"]
        shown = ["name", "kind", "goes_to", "secret_address", "signing_secret", "active", "error"]
        return [*shown, "pagerduty_webhook"] if obj.kind == ChannelKind.PAGERDUTY else shown

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        own = ["goes_to", "error", "pagerduty_webhook"]
        return ["name", *own] if obj is not None and obj.builtin else own

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.created_by = request.user
        obj.busy_until, obj.failures, obj.last_error = None, 0, ""  # it is tried at once
        super().save_model(request, obj, form, change)
        if not obj.active:
            Notification.objects.filter(destination=obj).drop()
            _tell_of_routes(self, request, obj)

    @action_button(_("Send a test alert"), permissions=["change"], icon="send")
    def send_test(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        channel = viewable_row(self, request, object_id)
        consequence = gettext("A test alert goes to %(place)s now. It says that nothing is wrong.")
        page = Confirmation(
            gettext("Send a test alert"),
            [consequence % {"place": goes_to(channel)}],
            gettext("Send test alert"),
        )

        def send() -> None:
            sent = delivery.send_test(channel, now=timezone.now())
            log_action(self, request, channel, "Test alert sent.", after={"accepted": sent.ok})
            if sent.ok:
                told = gettext("“%(name)s” accepted the test alert. Check that it arrived.")
                self.message_user(request, told % {"name": channel}, messages.SUCCESS)
            else:
                told = gettext("The test alert was not accepted. %(error)s")
                self.message_user(request, told % {"error": sent.error}, messages.ERROR)

        back = reverse("admin:distribution_alertchannel_change", args=[channel.pk])
        return confirm(
            self, request, page, send, back=back, form_class=forms.Form, is_repeatable=True
        )

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """An address is a secret: only who may change channels sees them."""
        return request.user.has_perm("distribution.change_alertchannel")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def goes_to(channel: AlertChannel) -> str:
    """Enough to recognise it, and nothing with which anybody could write to it."""
    if channel.kind == ChannelKind.PAGERDUTY:
        return gettext("PagerDuty, key …%(end)s") % {"end": channel.secret_address[-4:]}
    if channel.kind == ChannelKind.EMAIL:
        return ", ".join(mail.addresses_of(channel))
    if channel.kind == ChannelKind.WEBHOOK:
        host = urlsplit(webhook.address_of(channel)).hostname
        return host or gettext("(WEBHOOK_ALERT_URL is not set)")
    try:
        return services.check(channel.secret_address)
    except services.ServiceError:
        return gettext("(not supported any more)")


def _tell_of_routes(model_admin: Any, request: HttpRequest, channel: AlertChannel) -> None:
    names = list(
        AlertRoute.objects.filter(channel=channel, active=True).values_list("name", flat=True)
    )
    if names:
        told = gettext("The first channel of these routes no longer works: %(names)s.")
        model_admin.message_user(request, told % {"names": ", ".join(names)}, messages.WARNING)
