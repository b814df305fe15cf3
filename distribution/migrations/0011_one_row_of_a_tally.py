"""Writers add to one row of a tally, so that a look at a long run reads few of them."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("distribution", "0010_content_version")]

    operations = [
        # Several rows of a key would break the constraint; the counts matter for minutes.
        migrations.RunSQL("DELETE FROM distribution_outcometally", migrations.RunSQL.noop),
        migrations.RemoveIndex(model_name="outcometally", name="tally_window"),
        migrations.AddConstraint(
            model_name="outcometally",
            constraint=models.UniqueConstraint(
                fields=("distribution", "channel", "resume_no", "slot", "number_id", "reason"),
                name="tally_once",
            ),
        ),
    ]
