from __future__ import annotations

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "webhooks"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from distribution.ledger import report_lag
        from subscribers.people import personal_data
        from webhooks.applying import congestion, erasure

        report_lag.register_inbox(congestion.oldest_waiting)
        personal_data.register(erasure.PLACE)
        personal_data.register_search(erasure.sweep)
