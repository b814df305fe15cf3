"""Under /api/distribution/: exactly the customer's addresses. Their names begin with `api:`."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
