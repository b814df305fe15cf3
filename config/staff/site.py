"""The admin's site: each page is known by its name in the sidebar."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import urlparse

from django.contrib.admin.apps import SimpleAdminConfig
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite


class AdminConfig(SimpleAdminConfig):
    """Django's admin, with the site below."""

    default = True
    default_site = "config.staff.site.DaybreakSite"
    verbose_name = _("System")


class DaybreakSite(UnfoldAdminSite):  # type: ignore[misc]  # untyped
    """Pages are known by their names in the sidebar, whatever model they show."""

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Computed if a page shows it: our sidebar does not, and it takes an eighth of a page."""
        whole = partial(super().get_app_list, request, app_label)
        found: list[Any] = SimpleLazyObject(whole)  # type: ignore[assignment]
        return found

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        """Of several pages whose addresses contain each other only the innermost is open."""
        sections: list[dict[str, Any]] = super().get_sidebar_list(request)
        active = [page for section in sections for page in section["items"] if page["active"]]
        innermost = max(active, key=lambda page: len(_path(page)), default=None)
        for page in active:
            page["active"] = page is innermost
        return sections

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        return {**context, "trail": _trail(context.get("sidebar_navigation") or [], request)}


def _path(page: dict[str, Any]) -> str:
    return urlparse(str(page.get("link_callback") or page["link"])).path


def _trail(sections: list[dict[str, Any]], request: HttpRequest) -> list[dict[str, str]]:
    """The open page's section and the page itself, which is a link on the pages below it."""
    for section in sections:
        for page in section["items"]:
            if page["active"]:
                path = _path(page)
                link = "" if path == request.path else path
                names = [{"title": str(page["title"]), "link": link}]
                title = str(section.get("title", ""))
                if title and title != str(page["title"]):
                    names.insert(0, {"title": title, "link": ""})
                return names
    return []
