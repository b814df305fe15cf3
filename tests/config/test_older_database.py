"""A database from before the first release is refused with a sentence, before anything changes."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from config.apps import OLDER_DATABASE


@pytest.mark.django_db
def test_a_migration_that_no_longer_exists_means_starting_afresh() -> None:
    MigrationRecorder(connection).record_applied("distribution", "0003_of_an_older_version")

    with pytest.raises(CommandError) as refused:
        call_command("migrate", verbosity=0)

    assert str(refused.value) == OLDER_DATABASE


@pytest.mark.django_db
def test_a_migration_of_a_package_that_was_removed_does_not_matter() -> None:
    MigrationRecorder(connection).record_applied("import_export", "0001_initial")

    call_command("migrate", verbosity=0)
