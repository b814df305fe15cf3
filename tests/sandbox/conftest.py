"""One sandbox and one receiver for all tests here, reset for every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.harness import Receiver, SandboxProcess, start


@pytest.fixture(scope="session")
def shared_receiver() -> Iterator[Receiver]:
    receiver = Receiver().begin()
    yield receiver
    receiver.end()


@pytest.fixture(scope="session")
def shared_sandbox(shared_receiver: Receiver) -> Iterator[SandboxProcess]:
    sandbox = start("--webhook-url", shared_receiver.url)
    yield sandbox
    assert sandbox.stop() == 0


@pytest.fixture
def sandbox(shared_sandbox: SandboxProcess) -> SandboxProcess:
    shared_sandbox.control("POST", "clear")
    return shared_sandbox


@pytest.fixture
def receiver(sandbox: SandboxProcess, shared_receiver: Receiver) -> Receiver:
    """Empty; webhooks of an earlier test can no longer arrive."""
    shared_receiver.clear()
    return shared_receiver
