"""A call withdrawn before it was sent has a reason of its own: `cancelled` is a distribution's."""

from django.db import migrations


def rename(apps, schema_editor):
    """Of deliveries that are still open: who was left out by a cancel is SKIPPED and stays so."""
    del schema_editor
    rows = apps.get_model("distribution", "Delivery").objects.filter(reason="cancelled")
    rows.exclude(state="SKIPPED").update(reason="withdrawn")


class Migration(migrations.Migration):
    dependencies = [("distribution", "0152_fill_rollups")]
    operations = [migrations.RunPython(rename, migrations.RunPython.noop, elidable=True)]
