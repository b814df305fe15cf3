from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("distribution", "0012_pricing_of_deliveries"),
    ]

    operations = [
        migrations.AddField(
            model_name="distribution",
            name="again_reason",
            field=models.CharField(blank=True, db_default="", default="", max_length=200),
        ),
    ]
