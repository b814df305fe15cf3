"""A database from before the first release is refused with a sentence, before anything changes."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import AddField, CreateModel
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Field

from config.apps import OLDER_DATABASE
from phonepool.models import PhoneNumber


@pytest.mark.django_db
def test_a_migration_that_no_longer_exists_means_starting_afresh() -> None:
    MigrationRecorder(connection).record_applied("distribution", "0003_of_an_older_version")

    with pytest.raises(CommandError) as refused:
        call_command("migrate", verbosity=0)

    assert str(refused.value) == OLDER_DATABASE


@pytest.mark.django_db
def test_a_newer_database_is_no_hindrance_to_the_version_before() -> None:
    """As after a rollback: docker compose runs the migrations of the old version again."""
    MigrationRecorder(connection).record_applied("distribution", "9999_of_a_newer_version")

    call_command("migrate", verbosity=0)


@pytest.mark.django_db
def test_a_migration_of_a_package_that_was_removed_does_not_matter() -> None:
    MigrationRecorder(connection).record_applied("import_export", "0001_initial")

    call_command("migrate", verbosity=0)


# Those that were there when a rollback was first tried; later ones follow the rule below.
BEFORE_THE_RULE = {
    "distribution": 18,
    "phonepool": 4,
    "subscribers": 12,
    "webhooks": 2,
    "evidence": 3,
}


def added_columns() -> list[tuple[str, str, Field[Any, Any]]]:
    """Columns that came into a table that the version before knows."""
    loader = MigrationLoader(None)
    return [
        (f"{app}.{name}", f"{operation.model_name}.{operation.name}", operation.field)
        for (app, name), migration in sorted(loader.disk_migrations.items())
        if app in BEFORE_THE_RULE and int(name[:4]) > BEFORE_THE_RULE[app]
        for operation in migration.operations
        if isinstance(operation, AddField)
        and operation.model_name.lower() not in made_by(migration)
    ]


def made_by(migration: Migration) -> set[str]:
    """The tables that a migration makes itself: no earlier version writes them."""
    return {one.name.lower() for one in migration.operations if isinstance(one, CreateModel)}


def test_rows_of_the_version_before_fit_into_new_tables() -> None:
    """Old processes run until they are restarted, and after a rollback: they name no new column."""
    unfit = [
        (migration, column)
        for migration, column, field in added_columns()
        if not (field.null or field.many_to_many or field.has_db_default())
    ]

    assert unfit == []


def test_every_column_of_a_phone_number_has_a_value_without_being_named() -> None:
    """What a rollback over `0004_verified_numbers` stumbled over."""
    for name in ("verified_name", "meta_answer"):
        assert PhoneNumber._meta.get_field(name).has_db_default()
