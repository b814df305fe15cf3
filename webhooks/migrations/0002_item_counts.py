"""Items of webhooks are counted in the database, where every process finds the counts."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0001_create_webhook_inbox"),
    ]

    operations = [
        migrations.CreateModel(
            name="ItemCount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=80)),
                ("left_out", models.BooleanField()),
                ("number", models.BigIntegerField(default=0)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("name", "left_out"), name="item_count_once")
                ],
            },
        ),
    ]
