"""New versions of approved content, a chosen fallback, and permissions for each step."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from subscribers.append_only import seal, unseal


class Migration(migrations.Migration):
    dependencies = [
        ("distribution", "0003_add_heartbeats_and_verdicts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        unseal("distribution_approval"),  # SQLite rebuilds the table, and would lose the trigger
        migrations.AlterModelOptions(
            name="content",
            options={
                "verbose_name_plural": "content",
                "ordering": ["-day", "-created_at"],
                "permissions": [
                    ("approve_content", "Can approve or reject content, and choose the fallback"),
                    ("approve_late_content", "Can approve content after the evening's deadline"),
                    ("send_test", "Can send a content to the staff's own phones"),
                ],
            },
        ),
        migrations.AlterModelOptions(
            name="messagetemplate",
            options={
                "ordering": ["name", "language"],
                "permissions": [("sync_templates", "Can fetch message templates from Meta")],
            },
        ),
        migrations.RemoveConstraint(
            model_name="approval",
            name="approval_decision_known",
        ),
        migrations.RemoveConstraint(
            model_name="content",
            name="content_state_known",
        ),
        migrations.AddField(
            model_name="content",
            name="approved_fingerprint",
            field=models.CharField(blank=True, default="", max_length=64),
        ),
        migrations.AddField(
            model_name="content",
            name="button_variables",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="content",
            name="chosen_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="content",
            name="replaces",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="newer_versions",
                to="distribution.content",
            ),
        ),
        migrations.AlterField(
            model_name="approval",
            name="decision",
            field=models.CharField(
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
        migrations.AlterField(
            model_name="content",
            name="state",
            field=models.CharField(
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
        migrations.AddConstraint(
            model_name="approval",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "decision__in",
                        ["SUBMITTED", "APPROVED", "REJECTED", "EDITED", "REPLACED", "CHOSEN"],
                    )
                ),
                name="approval_decision_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="content",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["DRAFT", "SUBMITTED", "APPROVED", "REJECTED", "REPLACED"])
                ),
                name="content_state_known",
            ),
        ),
        seal("distribution_approval"),
    ]
