"""Under /api/distribution/: exactly the customer's addresses. Their names begin with `api:`."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from distribution.api import history, imports, subscribers

urlpatterns: list[URLPattern | URLResolver] = [
    path("subscribers", subscribers.Subscribers.as_view(), name="subscribers"),
    path("subscribers/add", subscribers.AddSubscriber.as_view(), name="subscribers-add"),
    path("subscribers/import", imports.ImportSubscribers.as_view(), name="subscribers-import"),
    path(
        "subscribers/import/<int:pk>",
        imports.OneImport.as_view(),
        name="subscribers-import-job",
    ),
    path(
        "subscribers/import/<int:pk>/confirm",
        imports.ConfirmImport.as_view(),
        name="subscribers-import-confirm",
    ),
    path("subscribers/<int:pk>", subscribers.Person.as_view(), name="subscriber"),
    path(
        "subscribers/<int:pk>/status",
        subscribers.SubscriberStatus.as_view(),
        name="subscriber-status",
    ),
    path(
        "subscribers/<int:pk>/history",
        history.SubscriberHistory.as_view(),
        name="subscriber-history",
    ),
]
