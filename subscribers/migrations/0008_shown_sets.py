from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("subscribers", "0007_sent_forms"),
    ]

    operations = [
        migrations.CreateModel(
            name="ShownSet",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("rows", models.BinaryField()),
                ("created_at", models.DateTimeField(db_index=True)),
            ],
            options={"default_permissions": ()},
        ),
    ]
