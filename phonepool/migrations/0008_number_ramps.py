from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("phonepool", "0007_labels_of_ids"),
    ]

    operations = [
        migrations.AddField(
            model_name="phonenumber",
            name="ramp",
            field=models.PositiveSmallIntegerField(db_default=100, default=100, editable=False),
        ),
        migrations.AddField(
            model_name="phonenumber",
            name="ramp_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="phonenumber",
            name="ramp_cause",
            field=models.CharField(
                blank=True,
                choices=[("", "None"), ("NEW", "New"), ("QUALITY", "Quality")],
                db_default="",
                default="",
                editable=False,
                max_length=7,
            ),
        ),
        migrations.AddField(
            model_name="phonenumber",
            name="return_answers",
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name="phonenumber",
            name="return_at",
            field=models.FloatField(db_default=0.0, default=0.0, editable=False),
        ),
        migrations.AddField(
            model_name="phonenumber",
            name="return_drops",
            field=models.PositiveSmallIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name="phonenumber",
            name="return_faults",
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name="phonenumber",
            name="return_not_before",
            field=models.FloatField(db_default=0.0, default=0.0, editable=False),
        ),
        migrations.AddField(
            model_name="phonenumber",
            name="return_share",
            field=models.PositiveSmallIntegerField(db_default=100, default=100, editable=False),
        ),
        migrations.AddConstraint(
            model_name="phonenumber",
            constraint=models.CheckConstraint(
                condition=models.Q(("ramp_cause__in", ["", "NEW", "QUALITY"])),
                name="phonenumber_ramp_cause_known",
            ),
        ),
    ]
