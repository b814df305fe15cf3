"""Who drafted, approved and created a message template is evidence: the database keeps it."""

from __future__ import annotations

from django.db import migrations

from subscribers.append_only import seal


class Migration(migrations.Migration):
    dependencies = [
        ("distribution", "0034_template_drafts"),
        ("evidence", "0003_erasable_notices"),
    ]
    operations = [seal("distribution_draftstep", ("reason",))]
