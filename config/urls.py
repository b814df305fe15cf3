from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from config import observability

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    path("dashboard/", include("distribution.urls")),
    path("health/live", observability.live),
    path("health/ready", observability.ready),
    path("metrics", observability.metrics),
    path("webhooks/", include("webhooks.urls")),
]
