"""The forms of the admin that create something, filled in as a person would."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from distribution.models import (
    AlertChannel,
    AlertRoute,
    ApiToken,
    BlackoutDate,
    Content,
    DailyTime,
    EventSubscription,
    OneTime,
    RotationGroup,
)
from phonepool.models import PhoneNumber, Portfolio, Waba
from subscribers.models import ImportJob, Subscriber
from tests.builders import a_portfolio, an_approved_content
from tests.distribution.content_staff import a_plain_template
from tests.shown_forms import form_with


def add(model: str) -> str:
    return reverse(f"admin:{model}_add")


def in_days(days: int) -> str:
    return (timezone.localdate() + timedelta(days=days)).isoformat()


def _one_time() -> dict[str, Any]:
    content = an_approved_content(day=timezone.localdate() + timedelta(days=400))
    return {"at_0": in_days(5), "at_1": "09:00:00", "content": content.pk}


def _content() -> dict[str, Any]:
    template = a_plain_template()
    shown = {"message_template": template.pk, "fields_of": template.pk, "day": in_days(3)}
    return {**shown, "title": "Budget day", "body-0": "{name}", "body-1": "Nifty opens flat"}


def _group() -> dict[str, Any]:
    first, second = a_plain_template(), a_plain_template()
    return {"name": "morning", "primary": first.pk, "standbys": [second.pk]}


def _route() -> dict[str, Any]:
    desk = AlertChannel.objects.create(name="Desk", kind="email", secret_address="d@example.com")
    return {
        "name": "All",
        "rules": "*",
        "min_severity": "WARNING",
        "channel": desk.pk,
        "remind_minutes": 5,
        "active": "on",
    }


def _token() -> dict[str, Any]:
    user = get_user_model().objects.get(username="boss")
    return {"name": "crm", "user": user.pk, "lives": "90", "read": "on"}


# By route: the model, a field of its form, and what a person types.
FORMS: dict[str, tuple[Any, str, Any]] = {
    "distribution_onetime": (OneTime, "at_0", _one_time),
    "distribution_content": (Content, "title", _content),
    "distribution_apitoken": (ApiToken, "lives", _token),
    "distribution_dailytime": (
        DailyTime,
        "from_day",
        lambda: {"from_day": in_days(3), "time": "07:00", "reason": "x"},
    ),
    "distribution_blackoutdate": (
        BlackoutDate,
        "reason",
        lambda: {"day": in_days(3), "reason": "Diwali"},
    ),
    "distribution_eventsubscription": (
        EventSubscription,
        "url",
        lambda: {"name": "CRM", "url": "https://8.8.8.8/hook", "active": "on"},
    ),
    "distribution_alertchannel": (
        AlertChannel,
        "name",
        lambda: {
            "name": "Desk",
            "kind": "email",
            "secret_address": "desk@example.com",
            "active": "on",
        },
    ),
    "distribution_alertroute": (AlertRoute, "name", _route),
    "distribution_rotationgroup": (RotationGroup, "name", _group),
    "subscribers_importjob": (
        ImportJob,
        "file",
        lambda: {"file": SimpleUploadedFile("people.csv", b"phone\n9812345678\n")},
    ),
    "subscribers_subscriber": (
        Subscriber,
        "phone",
        lambda: {
            "phone": "9812345678",
            "name": "Asha",
            "attributes": "{}",
            "consent_source": "Form",
        },
    ),
    "auth_user": (
        User,
        "username",
        lambda: {
            "username": "asha",
            "password1": "a-long-Pass-47-word",
            "password2": "a-long-Pass-47-word",
        },
    ),
    "auth_group": (Group, "name", lambda: {"name": "Night shift"}),
    "phonepool_portfolio": (
        Portfolio,
        "business_id",
        lambda: {"name": "Second", "business_id": "901"},
    ),
    "phonepool_waba": (
        Waba,
        "meta_id",
        lambda: {"meta_id": "90007", "name": "Second", "portfolio": a_portfolio().pk},
    ),
    "phonepool_phonenumber": (
        PhoneNumber,
        "meta_id",
        lambda: {
            "label": "one",
            "meta_id": "10007",
            "portfolio": a_portfolio().pk,
            "rate_per_second": "80",
            "daily_capacity": "1000",
        },
    ),
}


def filled_in(client: Client, route: str) -> dict[str, Any]:
    _, field, typed = FORMS[route]
    values = typed()
    return {**form_with(client.get(add(route)), field), **values}


def again(form: dict[str, Any]) -> dict[str, Any]:
    """The same form for another request: an uploaded file is read anew."""
    for value in form.values():
        if isinstance(value, SimpleUploadedFile):
            value.seek(0)
    return form


def created(route: str, before: set[Any]) -> int:
    return FORMS[route][0].objects.exclude(pk__in=before).count()


def rows(route: str) -> set[Any]:
    return set(FORMS[route][0].objects.values_list("pk", flat=True))
