"""Who was alive when, what was decided about unknown outcomes, and proof of doubles."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from subscribers.append_only import seal


class Migration(migrations.Migration):
    dependencies = [
        ("distribution", "0002_seal_evidence"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                ("name", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("doing", models.CharField(blank=True, default="", max_length=80)),
            ],
        ),
        migrations.CreateModel(
            name="Duplicate",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "certainty",
                    models.CharField(
                        choices=[("SUSPECT", "Suspect"), ("CONFIRMED", "Confirmed")], max_length=9
                    ),
                ),
                ("earlier_attempt", models.CharField(max_length=80)),
                ("earlier_wamid", models.CharField(blank=True, default="", max_length=200)),
                ("later_attempt", models.CharField(max_length=80)),
                ("later_wamid", models.CharField(blank=True, default="", max_length=200)),
                ("found_at", models.DateTimeField()),
                (
                    "delivery",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="duplicate",
                        to="distribution.delivery",
                    ),
                ),
            ],
            options={
                "ordering": ["-found_at"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("certainty__in", ["SUSPECT", "CONFIRMED"])),
                        name="duplicate_certainty_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Verdict",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("attempt_id", models.CharField(max_length=80)),
                (
                    "ruling",
                    models.CharField(
                        choices=[
                            ("SEND_AGAIN", "Send Again"),
                            ("UNCONFIRMED", "Unconfirmed"),
                            ("HUMAN_SEND_AGAIN", "Human Send Again"),
                            ("HUMAN_LEAVE", "Human Leave"),
                        ],
                        max_length=16,
                    ),
                ),
                ("reason", models.CharField(max_length=500)),
                ("evidence", models.JSONField(blank=True, default=dict)),
                ("at", models.DateTimeField()),
                (
                    "by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "delivery",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="verdicts",
                        to="distribution.delivery",
                    ),
                ),
            ],
            options={
                "ordering": ["at", "pk"],
                "permissions": [("resend_unconfirmed", "Can send an unconfirmed delivery again")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "ruling__in",
                                ["SEND_AGAIN", "UNCONFIRMED", "HUMAN_SEND_AGAIN", "HUMAN_LEAVE"],
                            )
                        ),
                        name="verdict_ruling_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ruling__startswith", "HUMAN"), _negated=True),
                            ("by__isnull", False),
                            _connector="OR",
                        ),
                        name="verdict_of_a_human_names_one",
                    ),
                ],
            },
        ),
        seal("distribution_verdict"),
    ]
