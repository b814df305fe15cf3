"""The retry budget, in the number's row."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("phonepool", "0002_add_breakers"),
    ]

    operations = [
        migrations.AddField(
            model_name="phonenumber",
            name="retry_at",
            field=models.FloatField(default=0.0),
        ),
        migrations.AddField(
            model_name="phonenumber",
            name="retry_credit",
            field=models.FloatField(default=0.0),
        ),
        migrations.AddField(
            model_name="phonenumber",
            name="retry_seen",
            field=models.PositiveIntegerField(default=0),
        ),
    ]
