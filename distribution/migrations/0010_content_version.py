from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("distribution", "0009_templates_of_configured_account"),
    ]

    operations = [
        migrations.AddField(
            model_name="content",
            name="version",
            field=models.PositiveIntegerField(db_default=1, default=1, editable=False),
        ),
    ]
