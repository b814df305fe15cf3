from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from distribution.runtime.watchdog import EXIT_CODE, Watchdog

pytestmark = pytest.mark.any_database  # processes without a database


def test_a_step_that_hangs_is_bitten_once():
    bitten = threading.Event()
    bites: list[float] = []

    def on_hang() -> None:
        bites.append(time.monotonic())
        bitten.set()

    with Watchdog(0.2, on_hang=on_hang) as watchdog:
        began = time.monotonic()
        with watchdog.step("a call"):
            assert bitten.wait(30)
    assert len(bites) == 1
    assert bites[0] - began >= 0.2


def test_steps_that_end_in_time_are_left_alone():
    bites: list[int] = []
    with Watchdog(20, on_hang=lambda: bites.append(1)) as watchdog:
        for _ in range(3):
            with watchdog.step("a call"):
                pass
        with pytest.raises(ValueError, match="whatever"), watchdog.step("a call that breaks"):
            raise ValueError("whatever")
        assert watchdog._hanging() == ""
    assert bites == []


def test_a_step_may_be_given_more_time():
    with Watchdog(0.1, on_hang=lambda: None) as watchdog, watchdog.step("freezing", extra=60):
        time.sleep(0.3)
        assert watchdog._hanging() == ""


def test_any_thread_may_hang():
    bitten, release = threading.Event(), threading.Event()
    with Watchdog(0.2, on_hang=bitten.set) as watchdog:

        def hang() -> None:
            with watchdog.step("another thread's call"):
                release.wait(30)

        thread = threading.Thread(target=hang)
        thread.start()
        assert bitten.wait(30)
        release.set()
        thread.join()


def test_the_process_ends_at_once_whatever_it_holds():
    code = """
import threading, time
from distribution.runtime.watchdog import Watchdog
threading.Thread(target=time.sleep, args=(60,)).start()
with Watchdog(0.2) as watchdog, watchdog.step("a frozen backend"):
    time.sleep(60)
"""
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=50)
    assert done.returncode == EXIT_CODE
    assert time.monotonic() - began < 30
