"""What rows are called on the screens; the tables stay as they are."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0002_item_counts"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="webhookevent",
            options={
                "permissions": [("reprocess_webhookevent", "Can have a webhook tried again")],
                "verbose_name": "webhook",
                "verbose_name_plural": "webhook inbox",
            },
        ),
    ]
