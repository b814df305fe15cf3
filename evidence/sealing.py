"""The triggers behind the tables of evidence: they refuse what passes the models by.

Raw SQL, another program, a shell on the database: an UPDATE, a DELETE or a TRUNCATE is refused. The
one change that is let through is erasure of a person: it replaces the text of a personal column by
"erased:" and the row's id, and touches nothing else.
"""

from __future__ import annotations

from functools import partial

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

FUNCTION = """
CREATE OR REPLACE FUNCTION refuse_change_of_evidence() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    old_row jsonb;
    new_row jsonb;
    name text;
BEGIN
    IF TG_OP = 'UPDATE' AND TG_NARGS > 0 THEN
        old_row := to_jsonb(OLD);
        new_row := to_jsonb(NEW);
        FOREACH name IN ARRAY TG_ARGV LOOP
            IF new_row ->> name IN (
                'erased:' || (old_row ->> 'id'), '{"erased": ' || (old_row ->> 'id') || '}'
            ) THEN
                old_row := old_row - name;
                new_row := new_row - name;
            END IF;
        END LOOP;
        IF old_row = new_row THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION USING
        MESSAGE = TG_TABLE_NAME || ' is append-only', ERRCODE = 'integrity_constraint_violation';
END $$
"""
POSTGRESQL = (
    'CREATE TRIGGER "{table}_append_only" BEFORE UPDATE OR DELETE ON "{table}"'
    " FOR EACH ROW EXECUTE FUNCTION refuse_change_of_evidence({arguments})"
)
POSTGRESQL_TRUNCATE = (
    'CREATE TRIGGER "{table}_not_emptied" BEFORE TRUNCATE ON "{table}"'
    " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_evidence()"
)
# UPDATE only: Django empties SQLite tables between tests by DELETE, where it uses TRUNCATE on
# PostgreSQL, and SQLite has no way to tell the two kinds of DELETE apart. On SQLite the model
# alone refuses deletion; the file itself can be deleted anyway. The chain tells of both.
SQLITE = (
    'CREATE TRIGGER "{table}_append_only" BEFORE UPDATE ON "{table}" {condition}'
    " BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
)


def seal(table: str, erasable: tuple[str, ...] = ()) -> migrations.RunPython:
    """The migration operation that makes the database itself refuse changes of `table`, but for
    the blanking of the `erasable` columns by `erasing.erase`.

    Put it in a migration of its own after the table's. Altering a column later rebuilds the
    table on SQLite and loses the trigger: unseal before, seal after.
    """
    return migrations.RunPython(partial(_add, table, erasable), partial(_drop, table))


def unseal(table: str, erasable: tuple[str, ...] = ()) -> migrations.RunPython:
    """The reverse of `seal`, for the start of a migration that must alter `table`."""
    return migrations.RunPython(partial(_drop, table), partial(_add, table, erasable))


def reseal(table: str, erasable: tuple[str, ...] = ()) -> migrations.RunPython:
    """The triggers as they are made today, in place of those of an older migration."""

    def again(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
        _drop(table, apps, schema_editor)
        _add(table, erasable, apps, schema_editor)

    return migrations.RunPython(again, migrations.RunPython.noop)


def _add(
    table: str, erasable: tuple[str, ...], _apps: Apps, schema_editor: BaseDatabaseSchemaEditor
) -> None:
    if schema_editor.connection.vendor == "postgresql":
        arguments = ", ".join(f"'{column}'" for column in erasable)
        schema_editor.execute(FUNCTION, None)
        schema_editor.execute(POSTGRESQL.format(table=table, arguments=arguments), None)
        schema_editor.execute(POSTGRESQL_TRUNCATE.format(table=table), None)
    else:
        condition = _condition(table, erasable, schema_editor) if erasable else ""
        schema_editor.execute(SQLITE.format(table=table, condition=condition), None)


def _condition(table: str, erasable: tuple[str, ...], editor: BaseDatabaseSchemaEditor) -> str:
    with editor.connection.cursor() as cursor:
        described = editor.connection.introspection.get_table_description(cursor, table)
    kept = [
        f'NEW."{column.name}" IS OLD."{column.name}"'
        if column.name not in erasable
        else f'(NEW."{column.name}" IS OLD."{column.name}" OR NEW."{column.name}"'
        " IN ('erased:' || OLD.\"id\", '{\"erased\": ' || OLD.\"id\" || '}'))"
        for column in described
    ]
    return f"WHEN NOT ({' AND '.join(kept)})"


def _drop(table: str, _apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        for name in ("append_only", "not_emptied"):
            schema_editor.execute(f'DROP TRIGGER IF EXISTS "{table}_{name}" ON "{table}"', None)
    else:
        schema_editor.execute(f'DROP TRIGGER IF EXISTS "{table}_append_only"', None)
