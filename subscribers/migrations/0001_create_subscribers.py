from __future__ import annotations

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import django.db.models.lookups
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Suppression",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("phone", models.CharField(max_length=16, unique=True)),
                ("holds", models.BooleanField()),
                ("at", models.DateTimeField()),
                ("source", models.CharField(max_length=200)),
                ("evidence", models.CharField(blank=True, default="", max_length=200)),
                ("recorded_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="ImportJob",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("filename", models.CharField(max_length=100)),
                ("digest", models.CharField(max_length=64)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("CHECKING", "Being checked"),
                            ("CHECKED", "Checked, waiting for you"),
                            ("IMPORTING", "Being imported"),
                            ("DONE", "Imported"),
                            ("REFUSED", "Refused"),
                            ("CANCELLED", "Cancelled"),
                        ],
                        default="CHECKING",
                        max_length=9,
                    ),
                ),
                ("problem", models.CharField(blank=True, default="", max_length=500)),
                ("consent_source", models.CharField(blank=True, default="", max_length=500)),
                ("by", models.CharField(max_length=150)),
                ("created_at", models.DateTimeField()),
                ("confirmed_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("lines", models.PositiveIntegerField(default=0)),
                ("last_line", models.PositiveIntegerField(default=0)),
                ("counts", models.JSONField(default=dict)),
                ("checked", models.JSONField(default=dict)),
                ("samples", models.JSONField(default=dict)),
                ("runner", models.CharField(blank=True, default="", max_length=36)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("tries", models.PositiveSmallIntegerField(default=0)),
            ],
            options={
                "verbose_name": "import",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["CHECKING", "IMPORTING"])),
                        fields=["lease_until"],
                        name="importjob_running",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                [
                                    "CHECKING",
                                    "CHECKED",
                                    "IMPORTING",
                                    "DONE",
                                    "REFUSED",
                                    "CANCELLED",
                                ],
                            )
                        ),
                        name="importjob_state_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ImportFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("is_workbook", models.BooleanField(default=False)),
                ("content", models.BinaryField()),
                (
                    "job",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="file",
                        to="subscribers.importjob",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Subscriber",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("phone", models.CharField(max_length=16, unique=True)),
                ("name", models.CharField(blank=True, default="", max_length=100)),
                (
                    "tier",
                    models.CharField(
                        choices=[("PREMIUM", "Premium"), ("PRO", "Pro"), ("BASIC", "Basic")],
                        default="BASIC",
                        max_length=7,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("ACTIVE", "Active"),
                            ("PAUSED", "Paused"),
                            ("UNSUBSCRIBED", "Unsubscribed"),
                            ("INVALID", "Invalid"),
                        ],
                        default="ACTIVE",
                        max_length=12,
                    ),
                ),
                (
                    "language",
                    models.CharField(
                        default="en",
                        max_length=6,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[a-z]{2,3}(_[A-Z]{2})?\\Z",
                                "Write a language like en, hi or en_IN.",
                            )
                        ],
                    ),
                ),
                ("attributes", models.JSONField(blank=True, default=dict)),
                ("email", models.EmailField(blank=True, default="", max_length=254)),
                ("unreachable_days", models.PositiveSmallIntegerField(default=0, editable=False)),
                ("unreachable_on", models.DateField(blank=True, editable=False, null=True)),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                (
                    "updated_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
            ],
            options={
                "permissions": [
                    ("import_subscriber", "Can import subscribers from a file"),
                    ("export_subscriber", "Can export subscribers with their phone numbers"),
                    ("erase_subscriber", "Can erase a subscriber for good"),
                    ("see_full_phone", "Can see phone numbers in full"),
                ],
                "indexes": [
                    models.Index(fields=["status"], name="subscriber_status"),
                    models.Index(fields=["tier"], name="subscriber_tier"),
                    models.Index(
                        condition=models.Q(("status", "ACTIVE")),
                        fields=["tier", "id"],
                        name="subscriber_eligible",
                    ),
                    models.Index(fields=["status", "tier", "id"], name="subscriber_status_tier"),
                    models.Index(fields=["language", "id"], name="subscriber_language"),
                    models.Index(fields=["updated_at", "id"], name="subscriber_changes"),
                    models.Index(
                        django.db.models.functions.text.Right("phone", 4),
                        name="subscriber_phone_tail",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("phone__startswith", "+"),
                            django.db.models.lookups.GreaterThanOrEqual(
                                django.db.models.functions.text.Length("phone"), 8
                            ),
                            django.db.models.lookups.LessThanOrEqual(
                                django.db.models.functions.text.Length("phone"), 16
                            ),
                        ),
                        name="subscriber_phone_e164",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("status__in", ["ACTIVE", "PAUSED", "UNSUBSCRIBED", "INVALID"])
                        ),
                        name="subscriber_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("tier__in", ["PREMIUM", "PRO", "BASIC"])),
                        name="subscriber_tier_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Erasure",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("phone_hash", models.CharField(db_index=True, max_length=64)),
                ("reason", models.CharField(max_length=200)),
                ("asked_by", models.CharField(max_length=150)),
                ("asked_at", models.DateTimeField()),
                ("purged_at", models.DateTimeField(blank=True, null=True)),
                (
                    "subscriber",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="erasure",
                        to="subscribers.subscriber",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ConsentEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("OPT_IN", "Opted in"),
                            ("OPT_OUT", "Opted out"),
                            ("PAUSE", "Paused"),
                            ("RESUME", "Resumed"),
                            ("UNREACHABLE", "Found unreachable"),
                        ],
                        max_length=11,
                    ),
                ),
                ("source", models.CharField(max_length=200)),
                ("evidence", models.CharField(blank=True, default="", max_length=200)),
                ("notice", models.TextField(blank=True, default="")),
                ("actor", models.CharField(blank=True, default="", max_length=150)),
                ("at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "subscriber",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="consent_events",
                        to="subscribers.subscriber",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["subscriber", "kind", "at"], name="consent_latest")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("evidence", ""), _negated=True),
                        fields=("subscriber", "source", "evidence"),
                        name="consent_evidence_once",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("evidence", "")),
                        fields=("subscriber", "kind", "source", "at"),
                        name="consent_event_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("kind__in", ["OPT_IN", "OPT_OUT", "PAUSE", "RESUME", "UNREACHABLE"])
                        ),
                        name="consent_kind_known",
                    ),
                ],
            },
        ),
    ]
