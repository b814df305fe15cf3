from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("distribution", "0020_notifications"),
    ]

    operations = [
        migrations.CreateModel(
            name="SetupMessage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("template", models.CharField(max_length=600)),
                ("at", models.DateTimeField()),
                ("status", models.CharField(blank=True, default="", max_length=12)),
                ("status_at", models.DateTimeField(null=True)),
                ("details", models.CharField(blank=True, default="", max_length=300)),
            ],
            options={
                "get_latest_by": ("at", "pk"),
            },
        ),
        migrations.CreateModel(
            name="SetupResult",
            fields=[
                ("key", models.CharField(max_length=24, primary_key=True, serialize=False)),
                ("result", models.CharField(max_length=12)),
                ("seen", models.CharField(max_length=500)),
                ("to_do", models.CharField(blank=True, default="", max_length=500)),
                ("at", models.DateTimeField()),
            ],
            options={
                "permissions": [("set_up", "Can set up the WhatsApp account")],
            },
        ),
    ]
