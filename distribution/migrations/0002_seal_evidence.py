"""Evidence cannot be edited: the database itself refuses it."""

from __future__ import annotations

from django.db import migrations

from subscribers.append_only import seal


class Migration(migrations.Migration):
    dependencies = [("distribution", "0001_create_distributions")]

    operations = [
        seal("distribution_approval"),
        seal("distribution_attempt"),
        # Here and not in phonepool, which does not know subscribers' tools.
        seal("phonepool_phoneevent"),
    ]
