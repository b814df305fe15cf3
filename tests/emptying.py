"""How the database is emptied after a test that commits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db import transaction
from django.db.models import Model


@pytest.fixture(scope="session", autouse=True)
def emptying_between_tests() -> Iterator[None]:
    """Tables of evidence refuse TRUNCATE and DELETE. Only here, and only in the transaction that
    empties them, the triggers are off.

    Django would empty PostgreSQL's tables by TRUNCATE, which makes new files for 350 tables and
    indexes: 100 ms of CPU, and 2 ms to delete a test's few rows. Content types, permissions and
    roles, which `post_migrate` writes into empty tables in 80 ms, are written there as they were
    the first time."""
    from django.core.management.commands import flush
    from django.db.backends.postgresql.operations import DatabaseOperations  # wants settings

    execute, truncate = DatabaseOperations.execute_sql_flush, DatabaseOperations.sql_flush

    def execute_without_triggers(self: Any, statements: list[str]) -> Any:
        set_role = "SET LOCAL session_replication_role = {}".format  # superusers only
        return execute(self, [set_role("replica"), *statements, set_role("origin")])

    def delete(self: Any, style: Any, tables: list[str], **options: Any) -> list[str]:
        if not tables or options.get("reset_sequences"):
            return truncate(self, style, tables, **options)
        names = [self.quote_name(name) for name in tables]
        # As TRUNCATE does, it waits for the transactions that still write.
        lock = f"LOCK TABLE {', '.join(names)} IN ACCESS EXCLUSIVE MODE;"
        return [lock + "".join(f"DELETE FROM {name};" for name in names)]  # noqa: S608

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "execute_sql_flush", execute_without_triggers)
        patch.setattr(DatabaseOperations, "sql_flush", delete)
        patch.setattr(flush, "emit_post_migrate_signal", repeated(flush.emit_post_migrate_signal))
        yield


def repeated(emit: Callable[..., None]) -> Callable[..., None]:
    """Emits the signal once for each database, and later writes the rows that it has led to."""
    kept: dict[str, list[tuple[type[Model], list[Model]]]] = {}

    def emit_or_write(verbosity: int, interactive: bool, db: str, **options: Any) -> None:
        if db not in kept:
            emit(verbosity, interactive, db, **options)
            kept[db] = _read(db)
            return
        with transaction.atomic(using=db):  # foreign keys are checked at its end
            for model, rows in kept[db]:
                model._base_manager.using(db).bulk_create(rows)
        _forget_content_types()

    return emit_or_write


def _read(db: str) -> list[tuple[type[Model], list[Model]]]:
    models = [one for one in apps.get_models(include_auto_created=True) if one._meta.managed]
    read = ((model, list(model._base_manager.using(db).all())) for model in models)
    return [(model, rows) for model, rows in read if rows]


def _forget_content_types() -> None:
    from django.contrib.contenttypes.models import ContentType  # wants settings

    ContentType.objects.clear_cache()
