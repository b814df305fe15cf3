"""Answers that hold until a table is written, in each process's memory: Redis is not needed."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from django.conf import settings

from distribution.cached.watched_tables import stamp
from distribution.runtime.caches import StampedCache

Value = TypeVar("Value")


class TableCache(Generic[Value]):
    """Values read from `tables`, kept for at most as many seconds as the setting says."""

    def __init__(self, setting: str, *tables: str, limit: int = 200) -> None:
        self._setting, self._tables = setting, tables
        self._values: StampedCache[Value] = StampedCache(seconds=self._seconds, limit=limit)

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """What `make` returned for `key` since the last write of the tables, or returns now.

        Callers share one value: they must not change it.
        """
        if self._seconds() <= 0:
            return make()
        return self._values.get(key, stamp=stamp(*self._tables), make=make)

    def clear(self) -> None:
        self._values.clear()

    def _seconds(self) -> float:
        return float(getattr(settings, self._setting))
