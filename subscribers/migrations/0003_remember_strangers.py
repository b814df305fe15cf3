from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("subscribers", "0002_seal_consent_events"),
    ]

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
    ]
