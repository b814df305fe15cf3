"""How an attempt ended is one of six words, and the database holds to them."""

from django.db import migrations, models

from subscribers.append_only import seal, unseal

OUTCOMES = ["NOT_SENT", "REJECTED", "UNKNOWN", "REPORTED", "FORGOTTEN", "CONFLICT"]


class Migration(migrations.Migration):
    dependencies = [("distribution", "0154_keep_error_details")]
    operations = [
        unseal("distribution_attempt"),
        migrations.AlterField(
            model_name="attempt",
            name="outcome",
            field=models.CharField(
                choices=[
                    ("NOT_SENT", "Not Sent"),
                    ("REJECTED", "Rejected"),
                    ("UNKNOWN", "Unknown"),
                    ("REPORTED", "Reported"),
                    ("FORGOTTEN", "Forgotten"),
                    ("CONFLICT", "Conflict"),
                ],
                max_length=12,
            ),
        ),
        migrations.AddConstraint(
            model_name="attempt",
            constraint=models.CheckConstraint(
                condition=models.Q(outcome__in=OUTCOMES), name="attempt_outcome_known"
            ),
        ),
        seal("distribution_attempt"),
    ]
