"""Values of metrics as plain data: stored as JSON, and turned into what Prometheus reads."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

log = logging.getLogger(__name__)

GAUGE, COUNTER, HISTOGRAM = "gauge", "counter", "histogram"
Samples = dict[str, list[tuple[list[str], Any]]]  # by metric: label values, and the value
SERIES_LIMIT = 100  # of one metric: nothing outside may make any number of series


@dataclass(frozen=True, slots=True)
class MetricType:
    """A metric that exists: no other one is exported."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    type: str = GAUGE

    def family(self, samples: Iterable[tuple[list[str], Any]] = ()) -> Metric:
        """It with these values. Those of another shape, from another version, are left out."""
        usable = [one for one in samples if len(one[0]) == len(self.labels)][:SERIES_LIMIT]
        if self.type == HISTOGRAM:
            histogram = HistogramMetricFamily(self.name, self.help, labels=self.labels)
            for values, (buckets, total) in usable:
                histogram.add_metric(values, [tuple(one) for one in buckets], total)
            return histogram
        made = CounterMetricFamily if self.type == COUNTER else GaugeMetricFamily
        family = made(self.name, self.help, labels=self.labels)
        for values, value in usable:
            family.add_metric(values, value)
        return family


def families(types: Iterable[MetricType], samples: Mapping[str, Any]) -> Iterator[Metric]:
    """Each type, with its values if there are any; values of unknown metrics are left out."""
    for one in types:
        yield one.family(samples.get(one.name, ()))


def add(samples: Samples, name: str, value: float | int | None, *labels: str) -> None:
    """One more value, unless it is None: what is not known is not exported."""
    if value is not None:
        samples.setdefault(name, []).append((list(labels), value))
