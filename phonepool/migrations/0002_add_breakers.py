"""Breaker columns of numbers and accounts."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("phonepool", "0001_create_pool"),
    ]

    operations = [
        migrations.AddField(
            model_name="phonenumber",
            name="breaker",
            field=models.CharField(
                choices=[("CLOSED", "Closed"), ("OPEN", "Open"), ("HALF_OPEN", "Half Open")],
                default="CLOSED",
                max_length=9,
            ),
        ),
        migrations.AddField(
            model_name="phonenumber",
            name="breaker_at",
            field=models.FloatField(default=0.0),
        ),
        migrations.AddField(
            model_name="phonenumber",
            name="breaker_until",
            field=models.FloatField(default=0.0),
        ),
        migrations.AddField(
            model_name="phonenumber",
            name="faults",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="phonenumber",
            name="heard",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="phonenumber",
            name="heard_at",
            field=models.FloatField(default=0.0),
        ),
        migrations.AddField(
            model_name="portfolio",
            name="breaker",
            field=models.CharField(
                choices=[("CLOSED", "Closed"), ("OPEN", "Open"), ("HALF_OPEN", "Half Open")],
                default="CLOSED",
                max_length=9,
            ),
        ),
        migrations.AddField(
            model_name="portfolio",
            name="breaker_reason",
            field=models.CharField(blank=True, default="", max_length=80),
        ),
        migrations.AddConstraint(
            model_name="phonenumber",
            constraint=models.CheckConstraint(
                condition=models.Q(("breaker__in", ["CLOSED", "OPEN", "HALF_OPEN"])),
                name="phonenumber_breaker_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="portfolio",
            constraint=models.CheckConstraint(
                condition=models.Q(("breaker__in", ["CLOSED", "OPEN", "HALF_OPEN"])),
                name="portfolio_breaker_known",
            ),
        ),
    ]
