"""WhatsApp Business accounts, and the time of what Meta said about limit, rating and flag."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("phonepool", "0001_create_pool"),
    ]

    operations = [
        migrations.AddField(
            model_name="phonenumber",
            name="flag_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="phonenumber",
            name="rating",
            field=models.CharField(blank=True, default="", editable=False, max_length=8),
        ),
        migrations.AddField(
            model_name="phonenumber",
            name="rating_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="portfolio",
            name="limit_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.CreateModel(
            name="AccountNotice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("account", models.CharField(blank=True, max_length=32)),
                ("topic", models.CharField(max_length=64)),
                ("event", models.CharField(max_length=80)),
                ("detail", models.CharField(blank=True, max_length=300)),
                ("at", models.DateTimeField()),
                ("lifted", models.BooleanField()),
                ("expires_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("account", "topic"), name="account_notice_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Waba",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "meta_id",
                    models.CharField(max_length=32, unique=True, verbose_name="account id"),
                ),
                ("name", models.CharField(blank=True, default="", max_length=80)),
                (
                    "portfolio",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="wabas",
                        to="phonepool.portfolio",
                    ),
                ),
            ],
            options={
                "verbose_name": "WhatsApp account",
                "ordering": ["name", "meta_id"],
            },
        ),
        migrations.AddField(
            model_name="phonenumber",
            name="waba",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="numbers",
                to="phonepool.waba",
                verbose_name="WhatsApp account",
            ),
        ),
    ]
