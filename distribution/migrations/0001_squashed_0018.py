"""What 0001 to 0018 make of an empty database, in a fifth of the time."""

from importlib import import_module

import django.core.serializers.json
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import distribution.models.outgoing
from subscribers.append_only import seal

STATISTICS = import_module("distribution.migrations.0016_statistics")


class Migration(migrations.Migration):
    replaces = [
        ("distribution", "0001_create_distributions"),
        ("distribution", "0002_seal_evidence"),
        ("distribution", "0003_seal_audit_log"),
        ("distribution", "0004_content_category"),
        ("distribution", "0005_name_the_cause_of_a_pause"),
        ("distribution", "0006_media_files"),
        ("distribution", "0007_mass_failures"),
        ("distribution", "0008_template_facts"),
        ("distribution", "0009_templates_of_configured_account"),
        ("distribution", "0010_content_version"),
        ("distribution", "0011_one_row_of_a_tally"),
        ("distribution", "0012_pricing_of_deliveries"),
        ("distribution", "0013_again_reason"),
        ("distribution", "0014_approval_token"),
        ("distribution", "0015_approved_ttl"),
        ("distribution", "0016_statistics"),
        ("distribution", "0017_portfolio_plan"),
        ("distribution", "0018_encrypt_secrets"),
    ]

    initial = True

    dependencies = [
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("otp_static", "0003_add_timestamps"),
        ("otp_totp", "0003_add_timestamps"),
        ("phonepool", "0003_configured_account"),
        ("subscribers", "0001_create_subscribers"),
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
            name="StatusFeed",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("applied_through", models.DateTimeField(blank=True, null=True)),
                ("dead_letter_at", models.DateTimeField(blank=True, null=True)),
                ("receiver_seen_at", models.DateTimeField(blank=True, null=True)),
                ("receiver_away_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Worker",
            fields=[
                ("name", models.CharField(max_length=200, primary_key=True, serialize=False)),
                ("queues", models.JSONField(default=list)),
                ("concurrency", models.PositiveIntegerField()),
                ("per_minute", models.JSONField(default=dict)),
                ("started_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="ApiToken",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=80)),
                ("prefix", models.CharField(editable=False, max_length=16)),
                ("digest", models.CharField(editable=False, max_length=64, unique=True)),
                ("scopes", models.JSONField(default=list)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("last_used_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="api_tokens",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "API token",
                "ordering": ["-created_at"],
            },
        ),
        migrations.CreateModel(
            name="BlackoutDate",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField(unique=True)),
                ("reason", models.CharField(max_length=120)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "blackout date",
                "ordering": ["-day"],
            },
        ),
        migrations.CreateModel(
            name="DailyTime",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("from_day", models.DateField(unique=True)),
                ("time", models.TimeField(help_text="Indian Standard Time")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "daily time",
                "ordering": ["-from_day"],
            },
        ),
        migrations.CreateModel(
            name="EventSubscription",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=80, unique=True)),
                ("url", models.CharField(blank=True, default="", max_length=500)),
                (
                    "secret",
                    models.CharField(
                        default=distribution.models.outgoing.new_secret,
                        editable=False,
                        max_length=100,
                    ),
                ),
                (
                    "former_secret",
                    models.CharField(blank=True, default="", editable=False, max_length=100),
                ),
                ("former_until", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "kinds",
                    models.JSONField(blank=True, default=list, verbose_name="types of events"),
                ),
                ("active", models.BooleanField(default=True)),
                ("builtin", models.BooleanField(default=False, editable=False)),
                (
                    "stopped_reason",
                    models.CharField(blank=True, default="", editable=False, max_length=200),
                ),
                ("busy_until", models.DateTimeField(blank=True, editable=False, null=True)),
                ("failures", models.PositiveSmallIntegerField(default=0, editable=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "event subscription",
                "ordering": ["name"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("builtin", True)),
                        fields=("builtin",),
                        name="subscription_one_builtin",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("builtin", True), models.Q(("url", ""), _negated=True), _connector="OR"
                        ),
                        name="subscription_has_url",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="KeptAnswer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("holder", models.CharField(max_length=40)),
                ("key", models.CharField(max_length=200)),
                ("asked", models.CharField(max_length=64)),
                ("status", models.PositiveSmallIntegerField(default=0)),
                ("body", models.TextField(blank=True, default="")),
                ("location", models.CharField(blank=True, default="", max_length=200)),
                ("created_at", models.DateTimeField(db_index=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("holder", "key"), name="kept_answer_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="MessageTemplate",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("meta_id", models.CharField(blank=True, default="", max_length=32)),
                ("name", models.CharField(max_length=512)),
                ("language", models.CharField(default="en", max_length=10)),
                ("category", models.CharField(default="UTILITY", max_length=16)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("APPROVED", "Approved"),
                            ("PENDING", "Pending"),
                            ("REJECTED", "Rejected"),
                            ("PAUSED", "Paused"),
                            ("DISABLED", "Disabled"),
                            ("OTHER", "Other"),
                        ],
                        default="PENDING",
                        max_length=10,
                    ),
                ),
                ("quality", models.CharField(blank=True, default="", max_length=8)),
                ("components", models.JSONField(blank=True, default=list)),
                ("rotation_group", models.CharField(blank=True, default="", max_length=40)),
                ("is_fallback", models.BooleanField(default=False)),
                ("metrics", models.JSONField(blank=True, default=dict)),
                ("synced_at", models.DateTimeField(blank=True, null=True)),
                ("category_at", models.DateTimeField(null=True)),
                ("category_before", models.CharField(blank=True, default="", max_length=16)),
                ("correct_category", models.CharField(blank=True, default="", max_length=16)),
                ("correct_category_at", models.DateTimeField(null=True)),
                ("quality_at", models.DateTimeField(null=True)),
                ("send_ttl_seconds", models.IntegerField(null=True)),
                ("source", models.CharField(blank=True, default="", max_length=40)),
                ("status_at", models.DateTimeField(null=True)),
                ("status_reason", models.CharField(blank=True, default="", max_length=200)),
                ("sub_category", models.CharField(blank=True, default="", max_length=40)),
                (
                    "waba",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="templates",
                        to="phonepool.waba",
                        verbose_name="WhatsApp account",
                    ),
                ),
            ],
            options={
                "ordering": ["name", "language"],
                "permissions": [("sync_templates", "Can fetch message templates from Meta")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                ["APPROVED", "PENDING", "REJECTED", "PAUSED", "DISABLED", "OTHER"],
                            )
                        ),
                        name="template_status_known",
                    ),
                    models.UniqueConstraint(
                        fields=("waba", "name", "language"), name="template_once"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("waba__isnull", True)),
                        fields=("name", "language"),
                        name="template_once_without_account",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Content",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField(blank=True, null=True)),
                ("title", models.CharField(max_length=120)),
                ("body_variables", models.JSONField(blank=True, default=list)),
                ("button_variables", models.JSONField(blank=True, default=dict)),
                ("media", models.JSONField(blank=True, default=dict)),
                ("is_fallback", models.BooleanField(default=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("DRAFT", "Draft"),
                            ("SUBMITTED", "Submitted"),
                            ("APPROVED", "Approved"),
                            ("REJECTED", "Rejected"),
                            ("REPLACED", "Replaced"),
                        ],
                        default="DRAFT",
                        max_length=9,
                    ),
                ),
                ("submitted_at", models.DateTimeField(blank=True, null=True)),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("chosen_at", models.DateTimeField(blank=True, null=True)),
                ("approved_fingerprint", models.CharField(blank=True, default="", max_length=64)),
                (
                    "author",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="written_contents",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "replaces",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="newer_versions",
                        to="distribution.content",
                    ),
                ),
                (
                    "message_template",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="contents",
                        to="distribution.messagetemplate",
                    ),
                ),
                ("approved_category", models.CharField(blank=True, default="", max_length=16)),
                ("version", models.PositiveIntegerField(db_default=1, default=1, editable=False)),
                ("approved_ttl_seconds", models.IntegerField(blank=True, null=True)),
            ],
            options={
                "verbose_name_plural": "content",
                "ordering": ["-day", "-created_at"],
                "permissions": [
                    ("approve_content", "Can approve or reject content, and choose the fallback"),
                    ("approve_late_content", "Can approve content after the evening's deadline"),
                    ("send_test", "Can send a content to the staff's own phones"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("is_fallback", False), ("state", "APPROVED")),
                        fields=("day",),
                        name="content_one_approved_a_day",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                ["DRAFT", "SUBMITTED", "APPROVED", "REJECTED", "REPLACED"],
                            )
                        ),
                        name="content_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("is_fallback", True), ("day__isnull", False), _connector="OR"
                        ),
                        name="content_has_a_day",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Distribution",
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
                            ("DAILY", "Daily"),
                            ("ONE_TIME", "One Time"),
                            ("MANUAL", "Manual"),
                        ],
                        max_length=8,
                    ),
                ),
                ("local_date", models.DateField(db_index=True)),
                ("planned_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("SCHEDULED", "Scheduled"),
                            ("BLOCKED", "Blocked"),
                            ("SENDING", "Sending"),
                            ("PAUSED", "Paused"),
                            ("COMPLETED", "Completed"),
                            ("CANCELLED", "Cancelled"),
                            ("MISSED", "Missed"),
                        ],
                        default="SCHEDULED",
                        max_length=9,
                    ),
                ),
                ("state_reason", models.CharField(blank=True, default="", max_length=200)),
                ("opened_at", models.DateTimeField(blank=True, null=True)),
                ("window_end", models.DateTimeField(blank=True, null=True)),
                ("sla_deadline", models.DateTimeField(blank=True, null=True)),
                ("recipients", models.PositiveIntegerField(default=0)),
                ("batches", models.PositiveIntegerField(default=0)),
                ("completed_at", models.DateTimeField(blank=True, null=True)),
                ("sla_accepted", models.FloatField(blank=True, null=True)),
                ("sla_delivered", models.FloatField(blank=True, null=True)),
                ("results", models.JSONField(blank=True, default=dict)),
                (
                    "content",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="distribution.content",
                    ),
                ),
                (
                    "pause_cause",
                    models.CharField(blank=True, db_default="", default="", max_length=40),
                ),
                (
                    "accepted_cause",
                    models.CharField(blank=True, db_default="", default="", max_length=40),
                ),
                ("pause_facts", models.JSONField(blank=True, db_default={}, default=dict)),
                ("resume_no", models.PositiveSmallIntegerField(db_default=0, default=0)),
                ("resumed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "again_reason",
                    models.CharField(blank=True, db_default="", default="", max_length=200),
                ),
                ("portfolio_plan", models.JSONField(blank=True, db_default={}, default=dict)),
            ],
            options={
                "ordering": ["-planned_at"],
                "permissions": [
                    ("pause_distribution", "Can pause and resume a distribution"),
                    ("cancel_distribution", "Can cancel a distribution"),
                    ("start_distribution", "Can start a distribution before its time"),
                ],
                "indexes": [
                    models.Index(
                        condition=models.Q(
                            ("state__in", ["SCHEDULED", "BLOCKED", "SENDING", "PAUSED"])
                        ),
                        fields=["planned_at"],
                        name="distribution_live",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("kind", "DAILY")),
                        fields=("kind", "local_date"),
                        name="distribution_one_daily_a_day",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                [
                                    "SCHEDULED",
                                    "BLOCKED",
                                    "SENDING",
                                    "PAUSED",
                                    "COMPLETED",
                                    "CANCELLED",
                                    "MISSED",
                                ],
                            )
                        ),
                        name="distribution_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["DAILY", "ONE_TIME", "MANUAL"])),
                        name="distribution_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("state__in", ["SENDING", "PAUSED", "COMPLETED"]), _negated=True
                            ),
                            models.Q(("opened_at__isnull", False), ("window_end__isnull", False)),
                            _connector="OR",
                        ),
                        name="distribution_open_has_window",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RollupState",
            fields=[
                (
                    "distribution",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="rollup_state",
                        serialize=False,
                        to="distribution.distribution",
                    ),
                ),
                ("day", models.DateField(db_index=True)),
                ("as_of", models.DateTimeField()),
                ("version", models.PositiveIntegerField()),
                ("took_ms", models.PositiveIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="OneTime",
            fields=[],
            options={
                "verbose_name": "one-time distribution",
                "ordering": ["-planned_at"],
                "proxy": True,
            },
            bases=("distribution.distribution",),
        ),
        migrations.CreateModel(
            name="OutgoingEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "uid",
                    models.CharField(
                        default=distribution.models.outgoing.new_uid, max_length=40, unique=True
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("distribution.opened", "Distribution opened"),
                            ("distribution.sending", "Distribution sending: its progress"),
                            ("distribution.paused", "Distribution paused"),
                            ("distribution.completed", "Distribution completed, with its report"),
                            ("distribution.cancelled", "Distribution cancelled"),
                            ("distribution.missed", "Distribution missed"),
                            ("deliveries.failed", "Deliveries failed, in batches"),
                            ("alert.opened", "Alert opened"),
                            ("alert.closed", "Alert closed"),
                            ("content.approved", "Content approved"),
                            ("content.rejected", "Content rejected"),
                        ],
                        max_length=30,
                    ),
                ),
                ("subject", models.CharField(blank=True, default="", max_length=80)),
                (
                    "data",
                    models.JSONField(
                        default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder
                    ),
                ),
                ("at", models.DateTimeField()),
                ("once", models.CharField(blank=True, max_length=100, null=True, unique=True)),
                ("spread_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("spread_at", None)),
                        fields=["at"],
                        name="event_unspread",
                    ),
                    models.Index(fields=["spread_at"], name="event_spread"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                [
                                    "distribution.opened",
                                    "distribution.sending",
                                    "distribution.paused",
                                    "distribution.completed",
                                    "distribution.cancelled",
                                    "distribution.missed",
                                    "deliveries.failed",
                                    "alert.opened",
                                    "alert.closed",
                                    "content.approved",
                                    "content.rejected",
                                ],
                            )
                        ),
                        name="event_kind_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="EventDelivery",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("WAITING", "Waiting"),
                            ("DELIVERED", "Delivered"),
                            ("DEAD", "Dead"),
                        ],
                        default="WAITING",
                        max_length=9,
                    ),
                ),
                ("tries", models.PositiveIntegerField(default=0)),
                ("since", models.DateTimeField()),
                ("next_at", models.DateTimeField()),
                ("delivered_at", models.DateTimeField(blank=True, null=True)),
                (
                    "status",
                    models.PositiveSmallIntegerField(
                        blank=True, null=True, verbose_name="last answer"
                    ),
                ),
                ("error", models.CharField(blank=True, default="", max_length=200)),
                (
                    "subscription",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="distribution.eventsubscription",
                    ),
                ),
                (
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="distribution.outgoingevent",
                    ),
                ),
            ],
            options={
                "verbose_name": "event delivery",
                "verbose_name_plural": "event deliveries",
                "ordering": ["-pk"],
                "permissions": [("replay_eventdelivery", "Can have events sent again")],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "WAITING")),
                        fields=["subscription", "next_at"],
                        name="event_delivery_due",
                    ),
                    models.Index(fields=["subscription", "state"], name="event_delivery_by_state"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("event", "subscription"),
                        name="event_delivery_once_per_subscription",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["WAITING", "DELIVERED", "DEAD"])),
                        name="event_delivery_state_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Rollup",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField()),
                ("tier", models.CharField(max_length=8)),
                ("hour", models.PositiveSmallIntegerField(null=True)),
                ("language", models.CharField(max_length=6)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("accepted", "Accepted"),
                            ("failed", "Failed"),
                            ("skipped", "Skipped"),
                            ("unconfirmed", "Unconfirmed"),
                            ("waiting", "Waiting"),
                        ],
                        max_length=11,
                    ),
                ),
                ("reason", models.CharField(max_length=40)),
                ("count", models.PositiveIntegerField()),
                ("delivered", models.PositiveIntegerField()),
                ("read", models.PositiveIntegerField()),
                (
                    "distribution",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rollups",
                        to="distribution.distribution",
                    ),
                ),
                (
                    "message_template",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="distribution.messagetemplate",
                    ),
                ),
                (
                    "number",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="phonepool.phonenumber",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["day"], name="rollup_day")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "outcome__in",
                                ["accepted", "failed", "skipped", "unconfirmed", "waiting"],
                            )
                        ),
                        name="rollup_outcome_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RollupMark",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField()),
                (
                    "distribution",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="distribution.distribution",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Alert",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("rule", models.CharField(max_length=40)),
                ("scope", models.CharField(blank=True, default="", max_length=80)),
                (
                    "severity",
                    models.CharField(
                        choices=[("CRITICAL", "Critical"), ("WARNING", "Warning")], max_length=8
                    ),
                ),
                ("message", models.CharField(max_length=500)),
                ("opened_at", models.DateTimeField()),
                ("notified_at", models.DateTimeField(blank=True, null=True)),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                ("acknowledged_at", models.DateTimeField(blank=True, null=True)),
                (
                    "acknowledged_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-opened_at"],
                "permissions": [("acknowledge_alert", "Can acknowledge an alert")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("closed_at__isnull", True)),
                        fields=("rule", "scope"),
                        name="alert_unique_while_open",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("severity__in", ["CRITICAL", "WARNING"])),
                        name="alert_severity_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Approval",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "decision",
                    models.CharField(
                        choices=[
                            ("SUBMITTED", "Submitted"),
                            ("APPROVED", "Approved"),
                            ("REJECTED", "Rejected"),
                            ("EDITED", "Edited"),
                            ("REPLACED", "Replaced"),
                            ("CHOSEN", "Chosen"),
                        ],
                        max_length=9,
                    ),
                ),
                ("reason", models.CharField(blank=True, default="", max_length=500)),
                ("at", models.DateTimeField()),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "content",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="approvals",
                        to="distribution.content",
                    ),
                ),
                (
                    "token",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="distribution.apitoken",
                    ),
                ),
            ],
            options={
                "ordering": ["at", "pk"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "decision__in",
                                [
                                    "SUBMITTED",
                                    "APPROVED",
                                    "REJECTED",
                                    "EDITED",
                                    "REPLACED",
                                    "CHOSEN",
                                ],
                            )
                        ),
                        name="approval_decision_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="MediaFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("media_id", models.CharField(max_length=100, unique=True)),
                ("kind", models.CharField(max_length=8)),
                ("name", models.CharField(max_length=240)),
                ("mime", models.CharField(max_length=40)),
                ("content", models.BinaryField()),
                ("stored_at", models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name="MediaCopy",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("media_id", models.CharField(max_length=100)),
                ("uploaded_at", models.DateTimeField()),
                (
                    "number",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="phonepool.phonenumber",
                    ),
                ),
                (
                    "file",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="copies",
                        to="distribution.mediafile",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "media copies",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("file", "number"), name="mediacopy_one_per_number"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="OutcomeTally",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "channel",
                    models.CharField(
                        choices=[("ANSWER", "Answer"), ("REPORT", "Report")], max_length=6
                    ),
                ),
                ("slot", models.BigIntegerField()),
                ("number_id", models.BigIntegerField()),
                ("reason", models.CharField(max_length=40)),
                ("count", models.IntegerField()),
                ("resume_no", models.PositiveSmallIntegerField()),
                (
                    "distribution",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="distribution.distribution",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "outcome tallies",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("channel__in", ["ANSWER", "REPORT"])),
                        name="outcometally_channel_known",
                    ),
                    models.UniqueConstraint(
                        fields=(
                            "distribution",
                            "channel",
                            "resume_no",
                            "slot",
                            "number_id",
                            "reason",
                        ),
                        name="tally_once",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Pricing",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("progress", models.PositiveSmallIntegerField()),
                ("category", models.CharField(max_length=40)),
                ("type", models.CharField(max_length=40)),
                ("model", models.CharField(max_length=40)),
                ("billable", models.BooleanField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("progress", "category", "type", "model", "billable"),
                        name="pricing_once",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("billable", None)),
                        fields=("progress", "category", "type", "model"),
                        name="pricing_without_billable_once",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("phone", models.CharField(max_length=16)),
                ("tier", models.CharField(max_length=8)),
                ("language", models.CharField(blank=True, db_default="", max_length=6)),
                ("batch_no", models.PositiveIntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("PENDING", "Pending"),
                            ("CLAIMED", "Claimed"),
                            ("INFLIGHT", "Inflight"),
                            ("UNKNOWN", "Unknown"),
                            ("RETRY_WAIT", "Retry Wait"),
                            ("ACCEPTED", "Accepted"),
                            ("HELD", "Held"),
                            ("FAILED", "Failed"),
                            ("SKIPPED", "Skipped"),
                            ("UNCONFIRMED", "Unconfirmed"),
                        ],
                        db_default="PENDING",
                        max_length=11,
                    ),
                ),
                ("reason", models.CharField(blank=True, db_default="", max_length=40)),
                ("next_at", models.DateTimeField()),
                ("claim_token", models.BigIntegerField(blank=True, null=True)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("attempt_no", models.PositiveSmallIntegerField(db_default=0)),
                ("tries_charged", models.PositiveSmallIntegerField(db_default=0)),
                ("ambiguous_no", models.PositiveSmallIntegerField(db_default=0)),
                ("resend_no", models.PositiveSmallIntegerField(db_default=0)),
                ("inflight_at", models.DateTimeField(blank=True, null=True)),
                ("unknown_at", models.DateTimeField(blank=True, null=True)),
                ("accepted_at", models.DateTimeField(blank=True, null=True)),
                ("wamid", models.CharField(blank=True, max_length=200, null=True)),
                (
                    "progress",
                    models.PositiveSmallIntegerField(
                        choices=[(0, "None"), (1, "Sent"), (2, "Delivered"), (3, "Read")],
                        db_default=0,
                    ),
                ),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
                ("delivered_at", models.DateTimeField(blank=True, null=True)),
                ("read_at", models.DateTimeField(blank=True, null=True)),
                ("failed_at", models.DateTimeField(blank=True, null=True)),
                ("failed_code", models.IntegerField(blank=True, null=True)),
                (
                    "number",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="phonepool.phonenumber",
                    ),
                ),
                (
                    "subscriber",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deliveries",
                        to="subscribers.subscriber",
                    ),
                ),
                (
                    "distribution",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deliveries",
                        to="distribution.distribution",
                    ),
                ),
                (
                    "pricing",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        to="distribution.pricing",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "deliveries",
                "permissions": [
                    ("retry_failed", "Can have failed deliveries tried again"),
                    ("export_delivery", "Can export deliveries"),
                ],
                "indexes": [
                    models.Index(fields=["subscriber", "state"], name="delivery_of_subscriber"),
                    models.Index(
                        condition=models.Q(("state__in", ["PENDING", "RETRY_WAIT"])),
                        fields=["distribution", "batch_no", "next_at"],
                        name="delivery_due",
                    ),
                    models.Index(
                        condition=models.Q(("state__in", ["CLAIMED", "INFLIGHT"])),
                        fields=["lease_until"],
                        name="delivery_leased",
                    ),
                    models.Index(
                        condition=models.Q(("state", "UNKNOWN")),
                        fields=["unknown_at"],
                        name="delivery_unknown",
                    ),
                    models.Index(
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
                    models.Index(
                        condition=models.Q(("accepted_at__isnull", False)),
                        fields=["distribution", "accepted_at"],
                        name="delivery_accepted",
                    ),
                    models.Index(
                        condition=models.Q(("delivered_at__isnull", False)),
                        fields=["distribution", "delivered_at"],
                        name="delivery_delivered",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("distribution", "subscriber"), name="delivery_once_per_subscriber"
                    ),
                    models.UniqueConstraint(
                        fields=("distribution", "phone"), name="delivery_once_per_phone"
                    ),
                    models.UniqueConstraint(fields=("wamid",), name="delivery_wamid_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                [
                                    "PENDING",
                                    "CLAIMED",
                                    "INFLIGHT",
                                    "UNKNOWN",
                                    "RETRY_WAIT",
                                    "ACCEPTED",
                                    "HELD",
                                    "FAILED",
                                    "SKIPPED",
                                    "UNCONFIRMED",
                                ],
                            )
                        ),
                        name="delivery_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("progress__in", [0, 1, 2, 3])),
                        name="delivery_progress_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state__in", ["CLAIMED", "INFLIGHT"]), _negated=True),
                            models.Q(
                                ("claim_token__isnull", False), ("lease_until__isnull", False)
                            ),
                            _connector="OR",
                        ),
                        name="delivery_claim_has_lease",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state__in", ["INFLIGHT", "UNKNOWN"]), _negated=True),
                            ("attempt_no__gte", 1),
                            _connector="OR",
                        ),
                        name="delivery_inflight_has_attempt",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state__in", ["ACCEPTED", "HELD"]), _negated=True),
                            ("accepted_at__isnull", False),
                            _connector="OR",
                        ),
                        name="delivery_accepted_has_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("state__in", ["FAILED", "SKIPPED", "UNCONFIRMED"]), _negated=True
                            ),
                            models.Q(("reason", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="delivery_end_has_reason",
                    ),
                ],
            },
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
                            ("RETURNED", "Returned"),
                            ("UNCONFIRMED", "Unconfirmed"),
                            ("HUMAN_SEND_AGAIN", "Human Send Again"),
                            ("HUMAN_LEAVE", "Human Leave"),
                            ("HUMAN_RETRY", "Human Retry"),
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
                            models.Q(("ruling__startswith", "HUMAN"), _negated=True),
                            ("by__isnull", False),
                            _connector="OR",
                        ),
                        name="verdict_of_a_human_names_one",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "ruling__in",
                                [
                                    "SEND_AGAIN",
                                    "RETURNED",
                                    "UNCONFIRMED",
                                    "HUMAN_SEND_AGAIN",
                                    "HUMAN_LEAVE",
                                    "HUMAN_RETRY",
                                ],
                            )
                        ),
                        name="verdict_ruling_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Attempt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("attempt_id", models.CharField(max_length=80)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("NOT_SENT", "Not Sent"),
                            ("REJECTED", "Rejected"),
                            ("UNKNOWN", "Unknown"),
                            ("REPORTED", "Reported"),
                            ("FORGOTTEN", "Forgotten"),
                            ("CONFLICT", "Conflict"),
                        ],
                        max_length=12,
                    ),
                ),
                ("reason", models.CharField(max_length=40)),
                ("code", models.IntegerField(blank=True, null=True)),
                ("http_status", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("details", models.CharField(blank=True, db_default="", max_length=300)),
                (
                    "fbtrace_id",
                    models.CharField(
                        blank=True, db_default="", max_length=64, verbose_name="Meta's trace id"
                    ),
                ),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField()),
                (
                    "number",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="phonepool.phonenumber",
                    ),
                ),
                (
                    "delivery",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="attempts",
                        to="distribution.delivery",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("attempt_id", "outcome"), name="attempt_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "outcome__in",
                                [
                                    "NOT_SENT",
                                    "REJECTED",
                                    "UNKNOWN",
                                    "REPORTED",
                                    "FORGOTTEN",
                                    "CONFLICT",
                                ],
                            )
                        ),
                        name="attempt_outcome_known",
                    ),
                ],
            },
        ),
        seal("distribution_approval"),
        seal("distribution_attempt"),
        seal("distribution_verdict"),
        seal("phonepool_phoneevent"),
        seal("django_admin_log"),
        migrations.RunPython(STATISTICS.add, STATISTICS.drop),
    ]
