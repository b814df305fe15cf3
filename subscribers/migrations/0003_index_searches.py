"""What lists are searched by on PostgreSQL: these indexes SQLite does not have, nor need."""

from __future__ import annotations

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

INDEXES = {
    # The expressions of Django's istartswith and iexact.
    "subscriber_name_start": "(UPPER(name::text) text_pattern_ops)",
    "subscriber_email": "(UPPER(email::text))",
    "subscriber_attributes": "USING gin (attributes jsonb_path_ops)",
}


def add(_apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        for name, on in INDEXES.items():
            using = on if on.startswith("USING") else f"USING btree {on}"
            schema_editor.execute(f"CREATE INDEX {name} ON subscribers_subscriber {using}", None)


def drop(_apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        for name in INDEXES:
            schema_editor.execute(f"DROP INDEX IF EXISTS {name}", None)


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0002_seal_consent_events")]
    operations = [migrations.RunPython(add, drop, elidable=False)]
