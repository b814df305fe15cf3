"""The admin theme: title and navigation."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

Page = dict[str, str]


# Settings load before the apps, so permissions and URLs are resolved per request. Dataclasses, not
# lambdas, so that two processes with the same settings print the same.


@dataclass(frozen=True, slots=True)
class Allowed:
    """Whether the user has a permission."""

    permission: str

    def __call__(self, request: HttpRequest) -> bool:
        return request.user.has_perm(self.permission)


@cache
def _address(route: str) -> str:
    return reverse(route)  # the same as long as the process runs


@dataclass(frozen=True, slots=True)
class Link:
    """The URL of a route."""

    route: str

    def __call__(self, _request: HttpRequest) -> str:
        return str(self)

    def __str__(self) -> str:  # unfold compares it with the current page, some 60 times a page
        return _address(self.route)


@dataclass(frozen=True, slots=True)
class Asset:
    """The URL of a static file."""

    path: str

    def __call__(self, _request: HttpRequest) -> str:
        return static(self.path)


def _section(pages: list[Page], title: str = "") -> dict[str, Any]:
    """A section of the navigation. The first one has no title and is open to everybody."""
    section: dict[str, Any] = {"items": [_item(**page) for page in pages]}
    if title:
        section |= {"title": title, "separator": True, "collapsible": False}
    return section


def _item(
    title: str, icon: str, model: str = "", route: str = "", permission: str = "", badge: str = ""
) -> dict[str, Any]:
    """An entry: the list of `model` (`app.model`) or another route, shown to users with the
    permission, by default the model's view permission. `badge` is a count of `staff/badges`."""
    app, _, name = model.partition(".")
    item = {"title": title, "icon": icon, "link": Link(route or f"admin:{app}_{name}_changelist")}
    if model or permission:
        item["permission"] = Allowed(permission or f"{app}.view_{name}")
    if badge:
        item["badge"] = f"config.staff.badges.{badge}"
    return item


_SECTIONS = json.loads(Path(__file__).with_name("navigation.json").read_text("utf-8"))
NAVIGATION = [_section(**section) for section in _SECTIONS]

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Daybreak",
    "SITE_HEADER": "Daybreak",
    "SITE_SUBHEADER": "One message, every morning",
    "SITE_SYMBOL": "wb_twilight",
    "SITE_URL": None,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": Asset("config/icon.svg")}],
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_HISTORY": True,
    "DASHBOARD_CALLBACK": "config.staff.home.add_today",
    "STYLES": [Asset("config/admin.css")],
    "SCRIPTS": [
        Asset("config/session.js"),
        Asset("config/unsaved.js"),
        Asset("config/copy.js"),
        Asset("config/landmarks.js"),
    ],
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
    "LOGIN": {"form": "config.staff.sign_in.SignInForm"},
    "ACCOUNT": {
        "navigation": [
            {
                "title": "Notifications",
                "link": Link("admin:distribution_notification_choices"),
            },
            {"title": "Change password", "link": Link("admin:password_change")},
        ]
    },
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "show_all_applications": False,
        "navigation": NAVIGATION,
    },
}
