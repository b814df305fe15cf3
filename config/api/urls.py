"""Under /api/. What is none of these is told so in JSON."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path, re_path

from distribution.api.documents import Document, TryIt, nothing

app_name = "api"
urlpatterns: list[URLPattern | URLResolver] = [
    path("schema/", Document.as_view(), name="document"),
    path("docs/", TryIt.as_view(), name="try-it"),
    path("distribution/", include("distribution.api.urls")),
    re_path(r"", nothing, name="nothing"),
]
