"""Evidence cannot be edited: the database itself refuses it."""

from __future__ import annotations

from django.db import migrations

from subscribers.append_only import seal


class Migration(migrations.Migration):
    dependencies = [("distribution", "0001_create_distributions")]
    operations = [
        seal("distribution_approval"),
        seal("distribution_attempt"),
        seal("distribution_verdict"),
        # Here and not in phonepool, which may not import subscribers.
        seal("phonepool_phoneevent"),
    ]
