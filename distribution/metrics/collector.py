"""What a scrape reads from outside the process: the database and what others add, within a second.

A frozen database takes its figures away, and `daybreak_database_up` says so; the process's own
metrics are shown all the same. Otherwise Prometheus would call the whole process down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from django.db import connection
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from distribution.metrics import live, types
from distribution.metrics.samples import MetricType, Samples, families
from distribution.runtime.probe import Probe, results

TIME_LIMIT_SECONDS = 0.4  # the answer is to be there within one, also on a busy machine


class ScrapeCollector(Collector):
    """Reads all sources at the same time. Each gives the values of its own metrics."""

    def __init__(self) -> None:
        self._types: list[MetricType] = []
        self._probes: list[Probe[Samples]] = []

    def add(self, own: Sequence[MetricType], read: Callable[[], Samples]) -> None:
        """One more source; `read` may hang or fail, and then its values are missing."""

        def guarded() -> Samples:
            try:
                return read()
            finally:
                connection.close()

        self._types += own
        self._probes.append(Probe(guarded))

    def describe(self) -> Iterator[Metric]:
        """Asked once, when it is registered: the database may not be there yet."""
        for one in self._types:
            yield one.family()

    @property
    def types(self) -> Sequence[MetricType]:
        return self._types

    def collect(self) -> Iterator[Metric]:
        samples: Samples = {}
        read = results(self._probes, TIME_LIMIT_SECONDS)
        for found in read:
            samples.update(found or {})
        samples["daybreak_database_up"] = [([], int(read[0] is not None))]
        yield from families(self._types, samples)


COLLECTOR = ScrapeCollector()
COLLECTOR.add(types.ALL, live.read)
