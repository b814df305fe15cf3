"""The API asked whatever its own document allows, and what it does not: as nobody and as each
scope, every check of schemathesis on, and in sequences that follow the document's links."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
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
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.python._constants.orchestrator import make_constants_value_source

from distribution.models import Scope
from tests import builders
from tests.api.tokens import a_header

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
# PostgreSQL, which production has, is asked as much as was asked for, SQLite a part of it.
ON_POSTGRES = connection.vendor == "postgresql"
EACH = 6 if ON_POSTGRES else 2  # random cases of an operation and caller, beside the document's own
OF_ALL = 1 if ON_POSTGRES else 3  # one of so many cases of an operation
STRANGERS = 3  # cases of an operation for each whom the door is shut on: it is the same door
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


@pytest.fixture(scope="module")
def a_house(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Something of everything is there. It is made once: a test's own transaction, and what that
    undoes, is inside this one."""
    with django_db_blocker.unblock(), transaction.atomic():
        today = timezone.localdate()
        words = [builders.an_approved_content(day=today + timedelta(days=n)) for n in range(3)]
        builders.an_open_distribution(3, content=words[2])  # so that today's can be triggered
        yield
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def open_doors(a_house: None, db: None, settings: Any, broker_url: str) -> None:
    """Nobody is refused for asking so often, and the house is ready."""
    settings.REDIS_URL = broker_url  # without one the house is not ready, and says 503
    settings.API_RATES = dict.fromkeys(Scope.values, 10**9)
    settings.ALLOWED_HOSTS = ["*"]


@pytest.fixture
def headers(open_doors: None, caller: str) -> dict[str, str]:
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
OPERATIONS = {found.ok().label: found.ok() for found in document.get_all_operations()}


@settings(max_examples=EACH, **QUICK)
def answers_as_documented(case: Any, caller: str, headers: dict[str, str]) -> None:
    label = case.operation.label
    opens = caller == case.operation.definition.raw["security"][0]["token"][0]
    asked[label, caller] += 1
    turn = asked[label, caller]
    if (turn % OF_ALL == 1 % OF_ALL) if opens else turn <= STRANGERS:
        asked["cases"] += 1
        case.validate_response(case.call(headers=headers), headers=headers)


@cache
def cases_of(label: str) -> Callable[..., None]:
    """What `document.parametrize` makes of the operation, but not before it is tested: making all
    takes each worker 3 s, whoever is to run them."""
    constants = make_constants_value_source(document)
    return build_operation_test(
        config=document.config,
        operation=OPERATIONS[label],
        test_func=answers_as_documented,
        given_kwargs={},
        feedback=FeedbackSources(constants_value_source=constants),
    )


@pytest.mark.parametrize(
    ("label", "caller"),
    [
        pytest.param(label, caller, id=f"{label}][{caller}")
        for label in OPERATIONS
        for caller in CALLERS
    ],
)
def test_every_operation_answers_as_documented(
    label: str, caller: str, headers: dict[str, str]
) -> None:
    cases_of(label)(caller=caller, headers=headers)


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
