"""Under /api/distribution/: exactly the customer's addresses. Their names begin with `api:`."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from distribution.api.analytics import Analytics

urlpatterns: list[URLPattern | URLResolver] = [
    path("analytics", Analytics.as_view(), name="analytics"),
]
