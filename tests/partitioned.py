"""When the suite runs on deliveries in partitions, the migrated database is converted once.

`.ci/with_services.py --partitioned` asks for it. Tests make distributions by the hundred without
opening them, so behind the partitions that the command makes is one for all others. The fixture
`partitioned` converts the table for one test, whose transaction is rolled back.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from distribution.runtime import partitions

REST = "distribution_delivery_rest"


def asked() -> bool:
    return os.environ.get("TEST_DATABASE_PARTITIONED") == "1"


@pytest.fixture
def plain_table() -> None:
    """For tests of what is otherwise in partitions."""
    if asked():
        pytest.skip("only on a plain table")


@pytest.fixture
def partitioned(on_postgres: None, db: None) -> Iterator[None]:
    """Deliveries in partitions: the first takes distributions up to the next multiple of 31."""
    if not partitions.read():
        call_command("partition_deliveries", verbosity=0)
    yield
    partitions.forget()


@pytest.fixture(scope="session")
def partitioned_if_asked(created_past_the_pooler: None) -> Iterator[None]:
    """Before copies are made of the migrated database."""
    with pytest.MonkeyPatch.context() as patch:
        creation = connection.creation
        patch.setattr(creation, "create_test_db", _in_form(creation.create_test_db))
        yield


def _in_form(create: Callable[..., str]) -> Callable[..., str]:
    def create_in_form(**options: Any) -> str:
        name = create(**options)
        if asked() and not partitions.read():  # else it is a copy of one that was converted
            call_command("partition_deliveries", verbosity=0)
            last = partitions.read()[-1].end
            with connection.cursor() as cursor:
                cursor.execute(
                    f"CREATE TABLE {REST} PARTITION OF {partitions.TABLE} "
                    f"FOR VALUES FROM ({last}) TO (MAXVALUE)"
                )
        partitions.read()  # here, and not by a test that counts statements
        return name

    return create_in_form
