"""The admin theme: title and navigation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

Item = dict[str, Any]


# Settings load before the apps, so permissions and URLs are resolved per request. Dataclasses, not
# lambdas, so that two processes with the same settings print the same.


@dataclass(frozen=True, slots=True)
class Allowed:
    """Whether the user has a permission."""

    permission: str

    def __call__(self, request: HttpRequest) -> bool:
        return request.user.has_perm(self.permission)


@dataclass(frozen=True, slots=True)
class Link:
    """The URL of a route."""

    route: str

    def __call__(self, _request: HttpRequest) -> str:
        return str(self)

    def __str__(self) -> str:  # unfold compares it with the current page
        return reverse(self.route)


@dataclass(frozen=True, slots=True)
class Asset:
    """The URL of a static file."""

    path: str

    def __call__(self, _request: HttpRequest) -> str:
        return static(self.path)


def _page(title: str, icon: str, model: str, *, link: str = "", needs: str = "") -> Item:
    """A navigation entry for a model's list, shown to users with the permission `needs`, by default
    the model's view permission. `model` is `app.model`."""
    app, _, name = model.partition(".")
    return {
        "title": title,
        "icon": icon,
        "link": Link(link or f"admin:{app}_{name}_changelist"),
        "permission": Allowed(needs or f"{app}.view_{name}"),
    }


def _section(title: str, *items: Item) -> dict[str, Any]:
    return {"title": title, "separator": True, "collapsible": False, "items": list(items)}


NAVIGATION = [
    {
        "items": [
            {"title": "Today", "icon": "wb_twilight", "link": Link("admin:index")},
            {"title": "Live board", "icon": "monitoring", "link": Link("dashboard:page")},
        ]
    },
    _section(
        "The message",
        _page("Content", "edit_note", "distribution.content"),
        _page(
            "Calendar",
            "calendar_month",
            "distribution.content",
            link="admin:distribution_content_calendar",
        ),
        _page(
            "Waiting for review",
            "rate_review",
            "distribution.content",
            link="admin:distribution_content_queue",
        ),
        _page("Decisions", "fact_check", "distribution.approval"),
        _page("Message templates", "description", "distribution.messagetemplate"),
    ),
    _section(
        "The morning",
        _page("Distributions", "send", "distribution.distribution"),
        _page("Deliveries", "mark_chat_read", "distribution.delivery"),
        _page("Attempts", "replay", "distribution.attempt"),
        _page("Alerts", "notifications_active", "distribution.alert"),
    ),
    _section(
        "The people",
        _page("Subscribers", "groups", "subscribers.subscriber"),
        _page("Imports", "upload_file", "subscribers.importjob"),
        _page("Opted-out strangers", "do_not_disturb_on", "subscribers.suppression"),
    ),
    _section(
        "The phone pool",
        _page("Phone numbers", "sim_card", "phonepool.phonenumber"),
        _page("Portfolios", "business_center", "phonepool.portfolio"),
    ),
    _section(
        "The schedule",
        _page("Daily time", "schedule", "distribution.dailytime"),
        _page("One-time distributions", "event", "distribution.onetime"),
        _page("Blackout dates", "event_busy", "distribution.blackoutdate"),
    ),
    _section(
        "The house",
        _page("Webhook inbox", "inbox", "webhooks.webhookevent"),
        _page(
            "Event subscriptions",
            "campaign",
            "distribution.eventsubscription",
            needs="distribution.change_eventsubscription",
        ),
        _page(
            "Event deliveries",
            "outbox",
            "distribution.eventdelivery",
            needs="distribution.change_eventsubscription",
        ),
        _page("Audit log", "history", "admin.logentry"),
        _page("Staff", "badge", "auth.user"),
        _page("API tokens", "vpn_key", "distribution.apitoken"),
        _page("Roles", "key", "auth.group"),
        _page("Sign-in failures", "lock", "axes.accessattempt"),
    ),
]

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Daybreak",
    "SITE_HEADER": "Daybreak",
    "SITE_SUBHEADER": "One message, every morning",
    "SITE_SYMBOL": "wb_twilight",
    "SITE_URL": None,
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": Asset("config/icon.svg"),
        }
    ],
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_HISTORY": True,
    "DASHBOARD_CALLBACK": "config.staff.home.add_today",
    "STYLES": [Asset("config/admin.css")],
    "COLORS": {
        # The warm end of a sunrise; dark enough on white for small letters.
        "primary": {
            "50": "oklch(98% .016 73.7)",
            "100": "oklch(95.4% .038 75.2)",
            "200": "oklch(90.1% .076 70.7)",
            "300": "oklch(83.7% .128 66.3)",
            "400": "oklch(75% .183 55.9)",
            "500": "oklch(64% .19 45)",
            "600": "oklch(52% .165 40)",
            "700": "oklch(46% .15 38.4)",
            "800": "oklch(40% .125 37.3)",
            "900": "oklch(35% .1 38.2)",
            "950": "oklch(26.6% .079 36.3)",
        }
    },
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": NAVIGATION,
    },
}
