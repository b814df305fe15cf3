"""When Python looks for garbage in a process that runs tests.

Its usual look after every 700 new objects goes through half a million that stay: the tests, the
modules, their syntax trees. That took half the CPU of collecting the suite, and an eighth of the
rest.
"""

from __future__ import annotations

import gc
from collections.abc import Generator

import pytest

NEW_OBJECTS = 20_000  # before the next look


class FewerLooks:
    """None while tests are collected, and afterwards only at what was made since."""

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self) -> Generator[None, object, object]:
        gc.disable()
        try:
            return (yield)
        finally:
            gc.freeze()
            gc.set_threshold(NEW_OBJECTS, *gc.get_threshold()[1:])
            gc.enable()
