"""What rows are called on the screens; the tables stay as they are."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("distribution", "0021_setup"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="approval",
            options={"ordering": ["at", "pk"], "verbose_name": "decision"},
        ),
        migrations.AlterModelOptions(
            name="dailytime",
            options={
                "ordering": ["-from_day"],
                "verbose_name": "daily time",
                "verbose_name_plural": "daily time",
            },
        ),
        migrations.AlterField(
            model_name="attempt",
            name="outcome",
            field=models.CharField(
                choices=[
                    ("NOT_SENT", "Not sent"),
                    ("REJECTED", "Rejected by WhatsApp"),
                    ("UNKNOWN", "No answer"),
                    ("REPORTED", "Reported as failed"),
                    ("FORGOTTEN", "Outcome lost in a restore"),
                    ("CONFLICT", "Message ID of another message"),
                ],
                max_length=12,
            ),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="progress",
            field=models.PositiveSmallIntegerField(
                choices=[(0, "No report yet"), (1, "Sent"), (2, "Delivered"), (3, "Read")],
                db_default=0,
            ),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="state",
            field=models.CharField(
                choices=[
                    ("PENDING", "Waiting"),
                    ("CLAIMED", "Queued"),
                    ("INFLIGHT", "Being sent"),
                    ("UNKNOWN", "No answer yet"),
                    ("RETRY_WAIT", "Will retry"),
                    ("ACCEPTED", "Accepted"),
                    ("HELD", "Held by WhatsApp"),
                    ("FAILED", "Failed"),
                    ("SKIPPED", "Skipped"),
                    ("UNCONFIRMED", "Unconfirmed"),
                ],
                db_default="PENDING",
                max_length=11,
            ),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="tier",
            field=models.CharField(
                choices=[("PREMIUM", "Premium"), ("PRO", "Pro"), ("BASIC", "Basic")], max_length=8
            ),
        ),
        migrations.AlterField(
            model_name="distribution",
            name="kind",
            field=models.CharField(
                choices=[("DAILY", "Daily"), ("ONE_TIME", "One-time"), ("MANUAL", "Manual")],
                max_length=8,
            ),
        ),
    ]
