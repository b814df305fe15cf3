"""Routes under /api/distribution/, as the customer specified them, in the namespace `api`."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from distribution.api.resources import (
    analytics,
    content_submissions,
    contents,
    control,
    deliveries,
    distributions,
    erasures,
    history,
    import_undos,
    imports,
    numbers,
    retries,
    status,
    subscribers,
    templates,
    timetable,
    trigger,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("trigger", trigger.Trigger.as_view(), name="trigger"),
    path("distributions", distributions.Distributions.as_view(), name="distributions"),
    path("status", status.Status.as_view(), name="status"),
    path("schedule", trigger.Schedule.as_view(), name="schedule"),
    path("schedule/<int:id>", trigger.Planned.as_view(), name="planned"),
    path("content", contents.Contents.as_view(), name="contents"),
    path("content/submit", content_submissions.Submit.as_view(), name="content-submit"),
    path("content/upload", content_submissions.SubmitWithFile.as_view(), name="content-upload"),
    path("content/<int:id>", contents.OneContent.as_view(), name="content"),
    path("daily-times", timetable.DailyTimes.as_view(), name="daily-times"),
    path("daily-times/<int:id>", timetable.OneDailyTime.as_view(), name="daily-time"),
    path("blackout-dates", timetable.BlackoutDates.as_view(), name="blackout-dates"),
    path("blackout-dates/<int:id>", timetable.OneBlackoutDate.as_view(), name="blackout-date"),
    path("<int:id>/retry", retries.Retry.as_view(), name="retry"),
    path("<int:id>/deliveries", deliveries.Deliveries.as_view(), name="deliveries"),
    path("<int:id>/pause", control.Pause.as_view(), name="pause"),
    path("<int:id>/resume", control.Resume.as_view(), name="resume"),
    path("<int:id>/cancel", control.Cancel.as_view(), name="cancel"),
    path("analytics", analytics.Analytics.as_view(), name="analytics"),
    path("templates", templates.Templates.as_view(), name="templates"),
    path("templates/<int:id>", templates.Template.as_view(), name="template"),
    path("numbers", numbers.Numbers.as_view(), name="numbers"),
    path("numbers/<int:id>", numbers.Number.as_view(), name="number"),
    path("subscribers", subscribers.Subscribers.as_view(), name="subscribers"),
    path("subscribers/add", subscribers.AddSubscriber.as_view(), name="subscribers-add"),
    path("subscribers/import", imports.ImportSubscribers.as_view(), name="subscribers-import"),
    path("subscribers/import/<int:id>", imports.OneImport.as_view(), name="subscribers-import-job"),
    path(
        "subscribers/import/<int:id>/confirm",
        imports.ConfirmImport.as_view(),
        name="subscribers-import-confirm",
    ),
    path(
        "subscribers/import/<int:id>/undo",
        import_undos.UndoImport.as_view(),
        name="subscribers-import-undo",
    ),
    path("subscribers/<int:id>", subscribers.Person.as_view(), name="subscriber"),
    path(
        "subscribers/<int:id>/status",
        subscribers.SubscriberStatus.as_view(),
        name="subscriber-status",
    ),
    path("subscribers/<int:id>/erase", erasures.Erase.as_view(), name="subscriber-erase"),
    path(
        "subscribers/<int:id>/history",
        history.SubscriberHistory.as_view(),
        name="subscriber-history",
    ),
]
