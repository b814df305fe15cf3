"""What goes wrong in the middle of a distribution: a function for each case of `watch_bench`.

Each is a context manager: entering is the cause, leaving it makes all well again.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from config.demo.preparation import POOL
from phonepool.models import PhoneNumber
from tests.faults.morning import House

TARGET, WINDOW = 0.99, 300  # of the service level: `SLA_TARGET`, `SLA_WINDOW_SECONDS`
BELOW = 0.95  # of the rate that is needed
FOR_LONG = 3600
SENDERS = "worker-batch-processing"
AT_RISK = ("sla_at_risk",)


@dataclass(frozen=True)
class Case:
    """A cause, when it strikes and what has to tell of it by when."""

    name: str
    people: int
    fault: Callable[[House], AbstractContextManager[None]]
    rules: tuple[str, ...]  # ours that have to tell of it; whichever comes first
    at: float | None = 10.0  # seconds after the distribution opened; None: before it does
    limit: float | None = None  # seconds from the cause to the sink
    theirs: str = ""  # only Prometheus can tell while it lasts: by this alert
    after_mornings: bool = False  # judged by how earlier mornings went


CASES: list[Case] = []


def case(
    name: str,
    people: int,
    *rules: str,
    at: float | None = 10.0,
    limit: float | None = None,
    theirs: str = "",
    after_mornings: bool = False,
) -> Callable[[Callable[[House], Iterator[None]]], Callable[[House], AbstractContextManager[None]]]:
    """The function below it is a case."""

    def take(
        function: Callable[[House], Iterator[None]],
    ) -> Callable[[House], AbstractContextManager[None]]:
        fault = contextlib.contextmanager(function)
        CASES.append(Case(name, people, fault, rules, at, limit, theirs, after_mornings))
        return fault

    return take


@case("complete stop: Meta refuses connections", 2_000, *AT_RISK, limit=17)
def refused(house: House) -> Iterator[None]:
    house.stack.proxies["meta"].refuse()
    yield
    house.stack.proxies["meta"].mend()


@case("complete stop: Meta takes calls and answers none", 2_000, *AT_RISK, limit=17)
def unanswered(house: House) -> Iterator[None]:
    house.stack.proxies["meta"].freeze()
    yield
    house.stack.proxies["meta"].mend()


@case("complete stop: Meta refuses connections", 20_000, *AT_RISK, limit=11)
def refused_of_many(house: House) -> Iterator[None]:
    house.stack.proxies["meta"].refuse()
    yield
    house.stack.proxies["meta"].mend()


@case("complete stop: Meta takes calls and answers none", 20_000, *AT_RISK, limit=11)
def unanswered_of_many(house: House) -> Iterator[None]:
    house.stack.proxies["meta"].freeze()
    yield
    house.stack.proxies["meta"].mend()


@case("one number lost: its calls get 503", 2_000, "number_breaker", at=4, limit=10)
def number_lost(house: House) -> Iterator[None]:
    _refuse(house, {"number": POOL[0].meta_id})
    yield
    house.stack.cloud.clear_faults()


@case("Meta answers 503 on all numbers", 2_000, at=4)
def meta_down(house: House) -> Iterator[None]:
    _refuse(house, {})
    yield
    house.stack.cloud.clear_faults()


@case("pool 5% slower than needed", 20_000, at=None)
def pool_too_slow(house: House) -> Iterator[None]:
    rates = dict(PhoneNumber.objects.values_list("pk", "rate_per_second"))
    active = PhoneNumber.objects.filter(role="PRIMARY")
    PhoneNumber.objects.exclude(role="PRIMARY").update(state="DISABLED")
    active.update(rate_per_second=int(_needed(20_000) * BELOW / active.count()))
    yield
    for pk, rate in rates.items():
        PhoneNumber.objects.filter(pk=pk).update(rate_per_second=rate)


@case("answers 5% slower than needed, pool not", 20_000, *AT_RISK, at=None)
def answers_too_slow(house: House) -> Iterator[None]:
    house.stack.proxies["meta"].pace(_needed(20_000) * BELOW)
    yield
    house.stack.proxies["meta"].mend()


@case("queue stuck: its worker is frozen", 2_000, at=4)
def queue_stuck(house: House) -> Iterator[None]:
    house.stack.signal_tree(SENDERS, signal.SIGSTOP)
    yield
    house.stack.signal_tree(SENDERS, signal.SIGCONT)


@case("queue stuck: worker and keeper are frozen", 2_000, at=4, theirs="any")
def nobody_sends(house: House) -> Iterator[None]:
    house.stack.signal_tree(SENDERS, signal.SIGSTOP)
    house.stack.signal_tree("keeper", signal.SIGSTOP)
    yield
    house.stack.signal_tree("keeper", signal.SIGCONT)
    house.stack.signal_tree(SENDERS, signal.SIGCONT)


@case("database frozen", 2_000, at=4, theirs="any")
def database_frozen(house: House) -> Iterator[None]:
    house.stack.proxies["postgres"].freeze()
    yield
    house.stack.proxies["postgres"].mend()


@case("webhook receiver down", 2_000, "receipts_late", at=4, after_mornings=True)
def receiver_down(house: House) -> Iterator[None]:
    house.stack.bury("web")
    yield
    house.stack.revive("web")


@case("10% of the statuses lost", 2_000, "receipts_late", at=None, after_mornings=True)
def statuses_lost(house: House) -> Iterator[None]:
    with _settings(house, webhook_lost_share=0.10):
        yield


@case("25% of the statuses lost", 2_000, "receipts_late", at=None, after_mornings=True)
def more_statuses_lost(house: House) -> Iterator[None]:
    with _settings(house, webhook_lost_share=0.25):
        yield


def _refuse(house: House, match: dict[str, str]) -> None:
    fault = {"do": "error", "code": 131016, "status": 503, "for_seconds": FOR_LONG}
    house.stack.cloud.faults({"match": match, **fault})


@contextlib.contextmanager
def _settings(house: House, **changes: float) -> Iterator[None]:
    """Other settings of the stand-in for Meta."""
    before = house.stack.cloud.get("settings")
    house.stack.cloud.patch("settings", changes)
    yield
    house.stack.cloud.patch("settings", {name: before[name] for name in changes})


def _needed(people: int) -> float:
    """Messages a second from the beginning."""
    return TARGET * people / (WINDOW - 1)
