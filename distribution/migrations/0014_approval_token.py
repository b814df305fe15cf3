from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("distribution", "0013_again_reason"),
    ]

    operations = [
        migrations.AddField(
            model_name="approval",
            name="token",
            field=models.ForeignKey(
                null=True, on_delete=models.PROTECT, related_name="+", to="distribution.apitoken"
            ),
        ),
    ]
