"""Sums of how messages fared, what was true at a pause, and the verdict of who waits again."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

from subscribers.append_only import seal, unseal


class Migration(migrations.Migration):
    dependencies = [
        ("distribution", "0006_media_files"),
    ]

    operations = [
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
            ],
            options={
                "verbose_name_plural": "outcome tallies",
            },
        ),
        migrations.AddField(
            model_name="distribution",
            name="accepted_cause",
            field=models.CharField(blank=True, db_default="", default="", max_length=40),
        ),
        migrations.AddField(
            model_name="distribution",
            name="pause_facts",
            field=models.JSONField(blank=True, db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name="distribution",
            name="resume_no",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="distribution",
            name="resumed_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="outcometally",
            name="distribution",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="distribution.distribution",
            ),
        ),
        migrations.AddIndex(
            model_name="outcometally",
            index=models.Index(fields=["distribution", "channel", "slot"], name="tally_window"),
        ),
        migrations.AddConstraint(
            model_name="outcometally",
            constraint=models.CheckConstraint(
                condition=models.Q(("channel__in", ["ANSWER", "REPORT"])),
                name="outcometally_channel_known",
            ),
        ),
        unseal("distribution_verdict"),
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
                    ("RETURNED", "Returned"),
                    ("UNCONFIRMED", "Unconfirmed"),
                    ("HUMAN_SEND_AGAIN", "Human Send Again"),
                    ("HUMAN_LEAVE", "Human Leave"),
                    ("HUMAN_RETRY", "Human Retry"),
                ],
                max_length=16,
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
        ),
        seal("distribution_verdict"),
    ]
