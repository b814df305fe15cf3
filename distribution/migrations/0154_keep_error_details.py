"""Attempts keep what Meta said of a refusal and the trace id that its support asks for."""

from django.db import migrations, models

from subscribers.append_only import seal, unseal


class Migration(migrations.Migration):
    dependencies = [("distribution", "0153_rename_withdrawn_reason")]
    operations = [
        unseal("distribution_attempt"),
        migrations.AddField(
            model_name="attempt",
            name="details",
            field=models.CharField(blank=True, db_default="", max_length=300),
        ),
        migrations.AddField(
            model_name="attempt",
            name="fbtrace_id",
            field=models.CharField(
                blank=True, db_default="", max_length=64, verbose_name="Meta's trace id"
            ),
        ),
        seal("distribution_attempt"),
    ]
