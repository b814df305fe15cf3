"""Who listens to what happens here, the outbox, and each listener's copies."""

import django.core.serializers.json
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import distribution.models.outgoing


class Migration(migrations.Migration):
    dependencies = [
        ("distribution", "0130_add_workers"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
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
            },
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
            },
        ),
        migrations.AddConstraint(
            model_name="eventsubscription",
            constraint=models.UniqueConstraint(
                condition=models.Q(("builtin", True)),
                fields=("builtin",),
                name="subscription_one_builtin",
            ),
        ),
        migrations.AddConstraint(
            model_name="eventsubscription",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("builtin", True), models.Q(("url", ""), _negated=True), _connector="OR"
                ),
                name="subscription_has_url",
            ),
        ),
        migrations.AddIndex(
            model_name="eventdelivery",
            index=models.Index(
                condition=models.Q(("state", "WAITING")),
                fields=["subscription", "next_at"],
                name="event_delivery_due",
            ),
        ),
        migrations.AddIndex(
            model_name="eventdelivery",
            index=models.Index(fields=["subscription", "state"], name="event_delivery_by_state"),
        ),
        migrations.AddConstraint(
            model_name="eventdelivery",
            constraint=models.UniqueConstraint(
                fields=("event", "subscription"), name="event_delivery_once_per_subscription"
            ),
        ),
        migrations.AddConstraint(
            model_name="eventdelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["WAITING", "DELIVERED", "DEAD"])),
                name="event_delivery_state_known",
            ),
        ),
    ]
