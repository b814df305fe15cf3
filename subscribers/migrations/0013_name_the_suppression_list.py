"""What rows are called on the screens; the tables stay as they are."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("subscribers", "0001_squashed_0012"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="suppression",
            options={"verbose_name": "suppressed phone", "verbose_name_plural": "suppression list"},
        ),
    ]
