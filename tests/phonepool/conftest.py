"""Real clients against a hostile server or a fake transport."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from phonepool.cloud_api.client import CloudApi
from tests.phonepool.fake_transport import FakeTransport
from tests.phonepool.hostile_server import HostileServer, hostile_server


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with hostile_server() as running:
        yield running


@pytest.fixture
def make_api() -> Iterator[Callable[..., CloudApi]]:
    """Creates clients, with time limits that no busy machine reaches; closed after the test."""
    made: list[CloudApi] = []

    def make(base_url: str = "http://127.0.0.1:9", **options: Any) -> CloudApi:
        limits = {"connect_timeout": 20, "read_timeout": 20, "concurrency": 16}
        made.append(CloudApi(base_url, "v25.0", "a-token-of-tests", **{**limits, **options}))
        return made[-1]

    yield make
    for api in made:
        api.close()


@pytest.fixture
def api(make_api: Callable[..., CloudApi], server: HostileServer) -> CloudApi:
    return make_api(server.url)


@pytest.fixture
def wire() -> FakeTransport:
    return FakeTransport()
