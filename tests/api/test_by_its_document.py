"""The API asked whatever its own document allows, and what it does not: as nobody and as each
scope, every check of schemathesis on, and in sequences that follow the document's links."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from math import ceil
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, connection, transaction
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from schemathesis.config import (
    ChecksConfig,
    PositiveDataAcceptanceConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
)

from distribution.models import Scope
from tests import builders
from tests.api.tokens import a_header

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
# PostgreSQL, which production has, is asked as much as was asked for, SQLite a part of it.
ON_POSTGRES = connection.vendor == "postgresql"
EACH = 6 if ON_POSTGRES else 2  # random cases of an operation and caller, beside the document's own
ENOUGH = 2000 if ON_POSTGRES else 700
QUICK = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    "suppress_health_check": list(HealthCheck),
    "phases": [Phase.explicit, Phase.generate],
}
CALLERS = ["nobody", *Scope.values]
asked: Counter[Any] = Counter()


@schemathesis.serializer(
    "text/csv",
    "application/x-ndjson",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
)
def a_file(_context: Any, value: Any) -> bytes:
    """What the document allows as a file is anything at all; its examples go as they are."""
    if isinstance(value, bytes):
        return value
    return (value if isinstance(value, str) else json.dumps(value)).encode("utf-8", "replace")


@pytest.fixture(autouse=True)
def one_connection() -> Iterator[None]:
    """A request does not end the connection on which the test's transaction is."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture(autouse=True)
def a_house(settings: Any, broker_url: str) -> None:
    """Something of everything is there, and nobody is refused for asking so often."""
    settings.REDIS_URL = broker_url  # without one the house is not ready, and says 503
    settings.API_RATES = dict.fromkeys(Scope.values, 10**9)
    settings.ALLOWED_HOSTS = ["*"]
    today = timezone.localdate()
    words = [builders.an_approved_content(day=today + timedelta(days=n)) for n in range(3)]
    builders.an_open_distribution(3, content=words[2])  # so that today's can be triggered


@pytest.fixture
def headers(a_house: None, caller: str) -> dict[str, str]:
    return {} if caller == "nobody" else a_header(caller)


def _document() -> Any:
    """As it is served. A body that fits the document may still be refused with 400: a day that
    is over, a record that is not there. Texts that fit it can make an address too long (414)."""
    accepted = ["2xx", "400", "401", "403", "404", "406", "409", "414", "415", "422"]
    checks = ChecksConfig(
        positive_data_acceptance=PositiveDataAcceptanceConfig(expected_statuses=accepted)
    )
    config = SchemathesisConfig(projects=ProjectsConfig(default=ProjectConfig(checks=checks)))
    told = SchemaGenerator().get_schema(request=None, public=True)
    document = schemathesis.openapi.from_dict(json.loads(json.dumps(told)), config=config)
    document.app, document.location = get_wsgi_application(), "/api/schema/"
    return document


document = _document()
# Whom the door is shut on is asked less of each operation: it is the same door.
OPERATIONS = sum(1 for _ in document.get_all_operations())
STRANGERS = ceil(ENOUGH / (OPERATIONS * (len(CALLERS) - 1)))


@document.parametrize()
@pytest.mark.parametrize("caller", CALLERS)
@settings(max_examples=EACH, **QUICK)
def test_every_operation_answers_as_documented(
    case: Any, caller: str, headers: dict[str, str]
) -> None:
    operation = case.operation
    opens = caller == operation.definition.raw["security"][0]["token"][0]
    asked[operation.label, caller] += 1
    if opens or asked[operation.label, caller] <= STRANGERS:
        asked["cases"] += 1
        case.validate_response(case.call(headers=headers), headers=headers)


def test_sequences_by_links_answer_as_documented() -> None:
    header = a_header(*Scope.values)
    machine = document.as_state_machine()

    class Client(machine):  # type: ignore[misc, valid-type]
        def setup(self) -> None:
            """Every sequence begins with the same house: the same words get the same answers."""
            super().setup()
            self.kept = transaction.atomic()
            self.kept.__enter__()

        def teardown(self) -> None:
            transaction.set_rollback(True)
            self.kept.__exit__(None, None, None)
            super().teardown()

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            asked["cases"] += 1
            return {"headers": header}

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            case.validate_response(response, headers=header)

    run_state_machine_as_test(
        Client, settings=settings(max_examples=40, stateful_step_count=6, **QUICK)
    )


def test_that_was_enough() -> None:
    """After the others: how many requests they sent."""
    if asked["cases"] == 0:
        pytest.skip("only after the others")
    assert asked["cases"] >= ENOUGH
