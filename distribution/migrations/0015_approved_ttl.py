from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("distribution", "0014_approval_token"),
    ]

    operations = [
        migrations.AddField(
            model_name="content",
            name="approved_ttl_seconds",
            field=models.IntegerField(blank=True, null=True),
        ),
    ]
