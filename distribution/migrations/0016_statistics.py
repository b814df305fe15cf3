"""ANALYZE needs the owner of a table: the application asks by a function of the owner's."""

from __future__ import annotations

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# With a search path of its own, nobody can put another "format" or table in the way. Whoever may
# call it is decided where roles are made: deploy/postgres/roles.sql.
FUNCTION = """
CREATE OR REPLACE FUNCTION refresh_statistics(table_name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_class
        WHERE relname = table_name AND relnamespace = 'public'::regnamespace
            AND relkind IN ('r', 'p')
    ) THEN
        RAISE EXCEPTION USING MESSAGE = 'there is no table ' || table_name, ERRCODE = 'undefined_table';
    END IF;
    EXECUTE format('ANALYZE public.%I', table_name);
END $$
"""


def add(_apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(FUNCTION, None)


def drop(_apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION IF EXISTS refresh_statistics(text)", None)


class Migration(migrations.Migration):
    dependencies = [("distribution", "0015_approved_ttl")]
    operations = [migrations.RunPython(add, drop)]
