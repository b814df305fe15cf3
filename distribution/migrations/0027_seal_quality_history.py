"""Changes of primaries and of quality are evidence: the database refuses to change them."""

from __future__ import annotations

from django.db import migrations

from subscribers.append_only import seal


class Migration(migrations.Migration):
    dependencies = [("distribution", "0026_rotation_groups"), ("evidence", "0003_erasable_notices")]
    operations = [
        seal("distribution_rotationchange", ("reason",)),
        seal("distribution_qualitychange"),
    ]
