"""Message templates belong to an account and carry the time of each fact."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("distribution", "0007_mass_failures"),
        ("phonepool", "0002_accounts"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="messagetemplate",
            name="template_once",
        ),
        migrations.AddField(
            model_name="messagetemplate",
            name="category_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="messagetemplate",
            name="category_before",
            field=models.CharField(blank=True, default="", max_length=16),
        ),
        migrations.AddField(
            model_name="messagetemplate",
            name="correct_category",
            field=models.CharField(blank=True, default="", max_length=16),
        ),
        migrations.AddField(
            model_name="messagetemplate",
            name="correct_category_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="messagetemplate",
            name="quality_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="messagetemplate",
            name="send_ttl_seconds",
            field=models.IntegerField(null=True),
        ),
        migrations.AddField(
            model_name="messagetemplate",
            name="source",
            field=models.CharField(blank=True, default="", max_length=40),
        ),
        migrations.AddField(
            model_name="messagetemplate",
            name="status_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="messagetemplate",
            name="status_reason",
            field=models.CharField(blank=True, default="", max_length=200),
        ),
        migrations.AddField(
            model_name="messagetemplate",
            name="sub_category",
            field=models.CharField(blank=True, default="", max_length=40),
        ),
        migrations.AddField(
            model_name="messagetemplate",
            name="waba",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="templates",
                to="phonepool.waba",
                verbose_name="WhatsApp account",
            ),
        ),
        migrations.AddConstraint(
            model_name="messagetemplate",
            constraint=models.UniqueConstraint(
                fields=("waba", "name", "language"), name="template_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="messagetemplate",
            constraint=models.UniqueConstraint(
                condition=models.Q(("waba__isnull", True)),
                fields=("name", "language"),
                name="template_once_without_account",
            ),
        ),
    ]
