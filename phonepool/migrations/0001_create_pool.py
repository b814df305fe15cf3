from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Portfolio",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("business_id", models.CharField(max_length=32, unique=True)),
                ("name", models.CharField(blank=True, default="", max_length=80)),
                ("recipient_limit", models.PositiveIntegerField(blank=True, null=True)),
                (
                    "breaker",
                    models.CharField(
                        choices=[
                            ("CLOSED", "Closed"),
                            ("OPEN", "Open"),
                            ("HALF_OPEN", "Half Open"),
                        ],
                        default="CLOSED",
                        max_length=9,
                    ),
                ),
                ("breaker_reason", models.CharField(blank=True, default="", max_length=80)),
                ("paused_until", models.FloatField(default=0.0, editable=False)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("breaker__in", ["CLOSED", "OPEN", "HALF_OPEN"])),
                        name="portfolio_breaker_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PhoneNumber",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "meta_id",
                    models.CharField(max_length=32, unique=True, verbose_name="phone number id"),
                ),
                ("display_number", models.CharField(blank=True, default="", max_length=20)),
                ("label", models.SlugField(max_length=40, unique=True)),
                (
                    "role",
                    models.CharField(
                        choices=[("PRIMARY", "Primary"), ("BACKUP", "Backup")],
                        default="PRIMARY",
                        max_length=8,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("ACTIVE", "Active"),
                            ("STANDBY", "Standby"),
                            ("RESTING", "Resting"),
                            ("DISABLED", "Disabled"),
                        ],
                        default="ACTIVE",
                        max_length=8,
                    ),
                ),
                ("state_reason", models.CharField(blank=True, default="", max_length=80)),
                ("rest_until", models.DateTimeField(blank=True, null=True)),
                (
                    "quality",
                    models.CharField(
                        choices=[
                            ("HIGH", "High"),
                            ("MEDIUM", "Medium"),
                            ("LOW", "Low"),
                            ("FLAGGED", "Flagged"),
                            ("UNKNOWN", "Unknown"),
                        ],
                        default="HIGH",
                        max_length=8,
                    ),
                ),
                ("quality_at", models.DateTimeField(blank=True, null=True)),
                ("seen_at", models.DateTimeField(blank=True, null=True)),
                ("rate_per_second", models.PositiveIntegerField(default=80)),
                ("daily_capacity", models.PositiveIntegerField(default=100000)),
                ("next_slot", models.FloatField(default=0.0)),
                ("day", models.DateField(blank=True, null=True)),
                ("day_count", models.PositiveIntegerField(default=0)),
                ("cut_rate", models.FloatField(blank=True, null=True)),
                ("cut_at", models.FloatField(default=0.0)),
                ("failures", models.PositiveIntegerField(default=0)),
                (
                    "breaker",
                    models.CharField(
                        choices=[
                            ("CLOSED", "Closed"),
                            ("OPEN", "Open"),
                            ("HALF_OPEN", "Half Open"),
                        ],
                        default="CLOSED",
                        max_length=9,
                    ),
                ),
                ("breaker_at", models.FloatField(default=0.0)),
                ("breaker_until", models.FloatField(default=0.0)),
                ("heard_at", models.FloatField(default=0.0)),
                ("faults", models.PositiveIntegerField(default=0)),
                ("heard", models.PositiveIntegerField(default=0)),
                ("retry_credit", models.FloatField(default=0.0)),
                ("retry_seen", models.PositiveIntegerField(default=0)),
                ("retry_at", models.FloatField(default=0.0)),
                (
                    "portfolio",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="numbers",
                        to="phonepool.portfolio",
                    ),
                ),
            ],
            options={
                "ordering": ["role", "label"],
                "permissions": [
                    ("manage_phonenumber", "Can rest, enable, disable and promote phone numbers"),
                    ("sync_phonenumber", "Can ask Meta now how the phone numbers stand"),
                ],
            },
        ),
        migrations.CreateModel(
            name="PhoneEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=24)),
                ("detail", models.CharField(blank=True, default="", max_length=200)),
                ("at", models.DateTimeField()),
                (
                    "number",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="phonepool.phonenumber",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["number", "at"], name="phone_event_history")],
            },
        ),
        migrations.AddConstraint(
            model_name="phonenumber",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["ACTIVE", "STANDBY", "RESTING", "DISABLED"])),
                name="phonenumber_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="phonenumber",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("quality__in", ["HIGH", "MEDIUM", "LOW", "FLAGGED", "UNKNOWN"])
                ),
                name="phonenumber_quality_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="phonenumber",
            constraint=models.CheckConstraint(
                condition=models.Q(("role__in", ["PRIMARY", "BACKUP"])),
                name="phonenumber_role_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="phonenumber",
            constraint=models.CheckConstraint(
                condition=models.Q(("breaker__in", ["CLOSED", "OPEN", "HALF_OPEN"])),
                name="phonenumber_breaker_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="phonenumber",
            constraint=models.CheckConstraint(
                condition=models.Q(("rate_per_second__gte", 1)), name="phonenumber_rate_positive"
            ),
        ),
    ]
