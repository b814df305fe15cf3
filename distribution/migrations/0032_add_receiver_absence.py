"""When the receiver of webhooks was there, and when it is last known to have been away."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("distribution", "0020_add_retries_and_board_indexes")]

    operations = [
        migrations.AddField(
            model_name="statusfeed",
            name="receiver_seen_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="statusfeed",
            name="receiver_away_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
