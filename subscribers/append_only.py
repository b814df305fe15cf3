"""Records that are written once: the model, and the database trigger behind it.

Python refuses first, with a sentence. The trigger refuses what never passes through Python's
models: raw SQL, another program, a shell on the database.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, NoReturn, TypeVar

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

Record = TypeVar("Record", bound=models.Model, covariant=True)


class AppendOnlyError(TypeError):
    """Refuses to change or remove a record that is evidence."""


class AppendOnlyQuerySet(models.QuerySet[Record]):
    """Reads and inserts; everything else is refused."""

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise AppendOnlyError(f"{self.model.__name__} is append-only: add a new record instead.")

    update = delete = bulk_update = update_or_create = _refuse

    def bulk_create(self, objs: Iterable[Record], *args: Any, **kwargs: Any) -> list[Record]:
        if kwargs.get("update_conflicts"):
            self._refuse()
        return super().bulk_create(objs, *args, **kwargs)


class AppendOnly(models.Model):
    """Base of evidence tables. Their foreign keys should PROTECT, for a cascade is a delete."""

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *_: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnlyError(f"{self!r} is append-only: add a new record instead.")
        # Without force_insert a key that exists already would turn this into an UPDATE.
        super().save(force_insert=True, using=kwargs.get("using"))

    def delete(self, *_: Any, **__: Any) -> NoReturn:
        raise AppendOnlyError(f"{self!r} is append-only and stays.")


_FUNCTION = """
CREATE OR REPLACE FUNCTION refuse_change_of_evidence() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING
        MESSAGE = TG_TABLE_NAME || ' is append-only', ERRCODE = 'integrity_constraint_violation';
END $$
"""
_POSTGRESQL = (
    'CREATE TRIGGER "{table}_append_only" BEFORE UPDATE OR DELETE ON "{table}"'
    " FOR EACH ROW EXECUTE FUNCTION refuse_change_of_evidence()"
)
# UPDATE only: Django empties SQLite tables between tests by DELETE, where it uses TRUNCATE on
# PostgreSQL, and SQLite has no way to tell the two kinds of DELETE apart. On SQLite the model
# alone refuses deletion; the file itself can be deleted anyway.
_SQLITE = (
    'CREATE TRIGGER "{table}_append_only" BEFORE UPDATE ON "{table}"'
    " BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
)


def _add_trigger(table: str, _apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(_FUNCTION, None)
        schema_editor.execute(_POSTGRESQL.format(table=table), None)
    else:
        schema_editor.execute(_SQLITE.format(table=table), None)


def _drop_trigger(table: str, _apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    where = f' ON "{table}"' if schema_editor.connection.vendor == "postgresql" else ""
    schema_editor.execute(f'DROP TRIGGER IF EXISTS "{table}_append_only"{where}', None)


def seal(table: str) -> migrations.RunPython:
    """The migration operation that makes the database itself refuse changes of `table`.

    Put it in a migration of its own after the table's. Altering a column later rebuilds the
    table on SQLite and loses the trigger: unseal before, seal after.
    """
    return migrations.RunPython(partial(_add_trigger, table), partial(_drop_trigger, table))


def unseal(table: str) -> migrations.RunPython:
    """The reverse of `seal`, for the start of a migration that must alter `table`."""
    return migrations.RunPython(partial(_drop_trigger, table), partial(_add_trigger, table))
