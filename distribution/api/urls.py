"""Under /api/distribution/: exactly the customer's addresses. Their names begin with `api:`."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from distribution.api import analytics, contents, deliveries, starting, status, steering

urlpatterns: list[URLPattern | URLResolver] = [
    path("trigger", starting.Trigger.as_view(), name="trigger"),
    path("status", status.Status.as_view(), name="status"),
    path("schedule", starting.Schedule.as_view(), name="schedule"),
    path("schedule/<int:id>", starting.Planned.as_view(), name="planned"),
    path("content/submit", contents.Submit.as_view(), name="content-submit"),
    path("content/<int:id>", contents.OneContent.as_view(), name="content"),
    path("<int:id>/deliveries", deliveries.Deliveries.as_view(), name="deliveries"),
    path("<int:id>/pause", steering.Pause.as_view(), name="pause"),
    path("<int:id>/resume", steering.Resume.as_view(), name="resume"),
    path("<int:id>/cancel", steering.Cancel.as_view(), name="cancel"),
    path("analytics", analytics.Analytics.as_view(), name="analytics"),
]
