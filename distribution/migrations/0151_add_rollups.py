"""Figures of each distribution, and the language of each delivery as it was frozen."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("distribution", "0150_add_outgoing_events"),
        ("phonepool", "0004_add_permissions"),
    ]

    operations = [
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
        migrations.AddField(
            model_name="delivery",
            name="language",
            field=models.CharField(blank=True, db_default="", max_length=6),
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
    ]
