from __future__ import annotations

import pytest

from distribution.engine.keeper import Keeper
from distribution.models import Distribution, Kind
from distribution.runtime.watchdog import Watchdog
from tests.builders import an_open_distribution
from tests.distribution.keepers import SIX, World, keeper_actions


@pytest.fixture
def world(monkeypatch) -> World:
    # Each test is one transaction, which "old connection" would end.
    for module in ("keeper", "standby_sender"):
        monkeypatch.setattr(f"distribution.engine.{module}.close_old_connections", lambda: None)
    return World()


@pytest.fixture
def keeper(world):
    with Watchdog(600, on_hang=lambda: None) as watchdog:
        made = Keeper(
            keeper_actions(world, publish=world.publish), watchdog=watchdog, clock=lambda: world.now
        )
        yield made
        made._standby_sender.close(seconds=30)


@pytest.fixture
def running(world) -> Distribution:
    """120 people, opened at six, and Celery has it."""
    world.now = SIX
    opened = an_open_distribution(120, now=SIX, kind=Kind.DAILY)
    world.celery_lives()
    return opened
