from __future__ import annotations

from django.apps import AppConfig


class DistributionConfig(AppConfig):
    name = "distribution"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.db.models.signals import post_migrate

        from distribution.cached import watched_tables
        from distribution.cost.rates import load_shipped
        from distribution.ledger import erasure as ledger_erasure
        from distribution.ledger import messaged
        from distribution.records import erasure as record_erasure
        from subscribers.importing import undo_rules
        from subscribers.people import erasure, personal_data

        post_migrate.connect(load_shipped, sender=self)
        post_migrate.connect(watched_tables.watch, sender=self)
        erasure.register_objection(ledger_erasure.objection)
        personal_data.register(*ledger_erasure.PLACES, record_erasure.PLACE)
        undo_rules.register_messages(messaged.has_delivery)
