from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="WebhookEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("body", models.BinaryField()),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("secret_no", models.PositiveSmallIntegerField()),
                ("received_at", models.DateTimeField()),
                ("processed_at", models.DateTimeField(blank=True, null=True)),
                ("tries", models.PositiveIntegerField(db_default=0)),
                ("error", models.TextField(blank=True, db_default="")),
                ("dead_at", models.DateTimeField(blank=True, null=True)),
                ("again_at", models.DateTimeField(blank=True, null=True)),
                ("unmatched", models.PositiveIntegerField(db_default=0)),
                ("skipped", models.PositiveIntegerField(db_default=0)),
                ("parked", models.PositiveIntegerField(db_default=0)),
            ],
            options={
                "permissions": [("reprocess_webhookevent", "Can have a webhook tried again")],
                "indexes": [
                    models.Index(
                        condition=models.Q(("dead_at", None), ("processed_at", None)),
                        fields=["id"],
                        name="webhook_pending",
                    ),
                    models.Index(
                        condition=models.Q(("again_at", None), _negated=True),
                        fields=["again_at"],
                        name="webhook_due_again",
                    ),
                    models.Index(
                        condition=models.Q(("dead_at", None), _negated=True),
                        fields=["dead_at"],
                        name="webhook_dead",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("processed_at", None), ("dead_at", None), _connector="OR"
                        ),
                        name="webhook_ends_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("again_at", None),
                            models.Q(("processed_at", None), _negated=True),
                            _connector="OR",
                        ),
                        name="webhook_again_was_applied",
                    ),
                ],
            },
        ),
    ]
