from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("distribution", "0043_shared_counts")]
    operations = [
        migrations.AddField(
            model_name="distribution",
            name="deliveries_removed_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
