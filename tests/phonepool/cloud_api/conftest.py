from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from phonepool.cloud_api.transport import CloudTransport
from tests.phonepool.transport_calls import Make


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[CloudTransport] = []

    def transport(base_url: str, **options: Any) -> CloudTransport:
        limits: dict[str, Any] = {"connect_timeout": 20, "read_timeout": 20, "connections": 4}
        made.append(CloudTransport(base_url, "a-token-of-tests", **{**limits, **options}))
        return made[-1]

    yield transport
    for each in made:
        each.close()
