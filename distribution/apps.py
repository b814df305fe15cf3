from __future__ import annotations

from django.apps import AppConfig


class DistributionConfig(AppConfig):
    name = "distribution"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from distribution.reporting import subscriber_history
        from subscribers.people import erasure

        erasure.register_copies(subscriber_history.forget, subscriber_history.objection)
