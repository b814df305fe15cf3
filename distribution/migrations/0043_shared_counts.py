import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("distribution", "0042_reports_touch_no_index")]

    operations = [
        migrations.CreateModel(
            name="SharedCounts",
            fields=[
                (
                    "distribution",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="distribution.distribution",
                    ),
                ),
                ("situation", models.CharField(max_length=40)),
                ("at", models.DateTimeField()),
                ("next_at", models.DateTimeField()),
                ("busy_until", models.DateTimeField()),
                ("groups", models.JSONField()),
            ],
            options={"verbose_name_plural": "shared counts", "default_permissions": ()},
        ),
    ]
