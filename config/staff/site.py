"""The admin's site: one name for each page in the sidebar, the trail, the title and the search."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlparse

from django.contrib.admin.apps import SimpleAdminConfig
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.dataclasses import SearchResult
from unfold.sites import UnfoldAdminSite


class AdminConfig(SimpleAdminConfig):
    """Django's admin, with the site below."""

    default = True
    default_site = "config.staff.site.DaybreakSite"
    verbose_name = _("System")


class DaybreakSite(UnfoldAdminSite):  # type: ignore[misc]  # untyped
    """Pages are known by their names in the sidebar, whatever model they show."""

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

    def _search_apps(self, *_: Any) -> list[SearchResult]:
        """Nothing: pages are found by their names in the sidebar, not by app and model."""
        return []

    def _search_models(
        self,
        request: HttpRequest,
        app_list: list[dict[str, Any]],
        search_term: str,
        allowed_models: list[str] | None = None,
    ) -> list[SearchResult]:
        """The pages of the sidebar that this user may open, and rows of the allowed models."""
        rows: list[SearchResult] = super()._search_models(
            request, app_list, search_term, allowed_models or []
        )
        return self._pages(request, search_term) + rows

    def _pages(self, request: HttpRequest, words: str) -> list[SearchResult]:
        return [
            SearchResult(
                title=str(page["title"]),
                description=str(section.get("title", "")),
                link=_path(page),
                icon=page.get("icon", "tag"),
            )
            for section in self.get_sidebar_list(request)
            for page in section["items"]
            if page["has_permission"]
            and words in f"{section.get('title', '')} {page['title']}".lower()
        ]


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
