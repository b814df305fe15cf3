"""Calls of a transport whose failure is of interest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from phonepool.cloud_api.transport import CloudTransport
from phonepool.exceptions import CloudApiError

Make = Callable[..., CloudTransport]
PATH = "/v25.0/100200300/messages"


def no_guard() -> None:
    """A guard that lets everything pass."""


def failure_of(transport: CloudTransport, kind: type[CloudApiError]) -> Any:
    with pytest.raises(CloudApiError) as caught:
        transport.post(PATH, b"{}", guard=no_guard)
    assert type(caught.value) is kind
    return caught.value.failure
