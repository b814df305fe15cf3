"""What a person may do to a distribution, their verdicts, and the indexes of its board."""

from __future__ import annotations

from django.conf import settings
from django.db import migrations, models

from subscribers.append_only import seal, unseal


class Migration(migrations.Migration):
    dependencies = [
        ("distribution", "0031_seal_audit_log"),
        ("phonepool", "0003_add_retry_budget"),
        ("subscribers", "0003_remember_strangers"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="delivery",
            options={
                "permissions": [
                    ("retry_failed", "Can have failed deliveries tried again"),
                    ("export_delivery", "Can export deliveries"),
                ],
                "verbose_name_plural": "deliveries",
            },
        ),
        migrations.AlterModelOptions(
            name="distribution",
            options={
                "ordering": ["-planned_at"],
                "permissions": [
                    ("pause_distribution", "Can pause and resume a distribution"),
                    ("cancel_distribution", "Can cancel a distribution"),
                    ("start_distribution", "Can start a distribution before its time"),
                ],
            },
        ),
        unseal("distribution_verdict"),  # SQLite rebuilds the table and loses its trigger
        migrations.RemoveConstraint(
            model_name="verdict",
            name="verdict_ruling_known",
        ),
        migrations.AlterField(
            model_name="verdict",
            name="ruling",
            field=models.CharField(
                choices=[
                    ("SEND_AGAIN", "Send Again"),
                    ("UNCONFIRMED", "Unconfirmed"),
                    ("HUMAN_SEND_AGAIN", "Human Send Again"),
                    ("HUMAN_LEAVE", "Human Leave"),
                    ("HUMAN_RETRY", "Human Retry"),
                ],
                max_length=16,
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                fields=[
                    "distribution",
                    "state",
                    "reason",
                    "number",
                    "progress",
                    "accepted_at",
                    "delivered_at",
                ],
                name="delivery_board",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("accepted_at__isnull", False)),
                fields=["distribution", "accepted_at"],
                name="delivery_accepted",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("delivered_at__isnull", False)),
                fields=["distribution", "delivered_at"],
                name="delivery_delivered",
            ),
        ),
        migrations.AddConstraint(
            model_name="verdict",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "ruling__in",
                        [
                            "SEND_AGAIN",
                            "UNCONFIRMED",
                            "HUMAN_SEND_AGAIN",
                            "HUMAN_LEAVE",
                            "HUMAN_RETRY",
                        ],
                    )
                ),
                name="verdict_ruling_known",
            ),
        ),
        seal("distribution_verdict"),
    ]
