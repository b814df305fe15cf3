"""What an alert is about, as a link to its page."""

from __future__ import annotations

from datetime import date

from django.apps import apps
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from distribution.alerts import catalogue
from distribution.alerts.catalogue import AlertRule, ScopeType
from distribution.models import Alert
from subscribers.whole_numbers import whole_number

MODELS: dict[ScopeType, str] = {
    catalogue.DISTRIBUTION: "distribution.Distribution",
    catalogue.DELIVERY: "distribution.Delivery",
    catalogue.PHONE_NUMBER: "phonepool.PhoneNumber",
    catalogue.PORTFOLIO: "phonepool.Portfolio",
    catalogue.SUBSCRIPTION: "distribution.EventSubscription",
    catalogue.ALERT_CHANNEL: "distribution.AlertChannel",
    catalogue.MESSAGE_TEMPLATE: "distribution.MessageTemplate",
    catalogue.ROTATION_GROUP: "distribution.RotationGroup",
    catalogue.TEMPLATE_DRAFT: "distribution.TemplateDraft",
}
RULES: dict[str, AlertRule] = {str(rule): rule for rule in AlertRule}
# Rules without one object of their own: the list in which their rows are.
LISTS = {
    AlertRule.WEBHOOK_DEAD_LETTER: ("webhooks.WebhookEvent", "?state=dead"),
    AlertRule.UNMATCHED_OPT_OUT: ("subscribers.Suppression", ""),
    AlertRule.PERSON_MOVED: ("subscribers.Subscriber", ""),
    AlertRule.FALLBACK_NOT_READY: ("distribution.Content", ""),
    AlertRule.DELIVERIES_STUCK: ("distribution.Delivery", ""),
    AlertRule.NOTIFICATIONS_UNDELIVERED: ("distribution.Notification", "?state__exact=DEAD"),
}


def about(alert: Alert) -> str:
    """A link with the name of the object; the list of such objects; or nothing."""
    rule = RULES.get(alert.rule)
    if rule is None:
        return ""
    if rule == AlertRule.COST_DIFFERS:
        return _link(reverse("admin:distribution_cost_page"), _("Cost"))
    if rule == AlertRule.ACCESS_TOKEN_EXPIRES:
        return _link(reverse("setup"), _("Set up"))
    if rule in LISTS:
        label, query = LISTS[rule]
        options = apps.get_model(label)._meta
        url = reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
        return _link(f"{url}{query}", str(options.verbose_name_plural).capitalize())
    if not alert.scope.startswith(rule.scope_type.prefix):
        return ""
    key = rule.scope_type.parse(alert.scope)
    if rule.scope_type == catalogue.DAY:
        return _day(key)
    return _row(MODELS.get(rule.scope_type, ""), key.partition(" ")[0])


def _row(label: str, key: str) -> str:
    pk = whole_number(key)
    row = apps.get_model(label)._default_manager.filter(pk=pk).first() if label and pk else None
    if row is None:
        return ""
    options = row._meta
    url = reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[row.pk])
    return _link(url, str(row))


def _day(key: str) -> str:
    try:
        day = date.fromisoformat(key)
    except ValueError:
        return ""
    url = reverse("admin:distribution_content_calendar")
    words = _("Calendar: %s") % f"{day:%-d %b %Y}"
    return _link(f"{url}?month={day:%Y-%m}", words)


def _link(url: str, words: str) -> str:
    return format_html('<a href="{}">{}</a>', url, words)
