from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("phonepool", "0004_add_permissions")]

    operations = [
        migrations.AddField(
            model_name="portfolio",
            name="paused_until",
            field=models.FloatField(default=0.0, editable=False),
        ),
    ]
