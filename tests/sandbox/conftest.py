"""One sandbox and one receiver for the whole folder, as good as new for every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.harness import Receiver, Sandbox, start


@pytest.fixture(scope="session")
def shared_receiver() -> Iterator[Receiver]:
    receiver = Receiver().begin()
    yield receiver
    receiver.end()


@pytest.fixture(scope="session")
def shared_sandbox(shared_receiver: Receiver) -> Iterator[Sandbox]:
    sandbox = start("--webhook-url", shared_receiver.url)
    yield sandbox
    assert sandbox.stop() == 0


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Sandbox:
    shared_sandbox.control("POST", "clear")
    return shared_sandbox


@pytest.fixture
def receiver(sandbox: Sandbox, shared_receiver: Receiver) -> Receiver:
    """Empty, and nothing of an earlier test can arrive any more."""
    shared_receiver.clear()
    return shared_receiver
