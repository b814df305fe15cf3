from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from celery import Celery, current_app
from kombu.exceptions import OperationalError

from distribution import tasks
from distribution.runtime import publisher
from distribution.runtime.background import PerProcess
from distribution.runtime.publisher import publish


@pytest.fixture(autouse=True)
def fresh(monkeypatch) -> None:
    """No publisher yet, and none that has learnt anything."""
    monkeypatch.setattr(publisher, "_publisher", PerProcess(publisher.Publisher))


@pytest.fixture
def mute_broker() -> Iterator[str]:
    """It accepts connections and never says a word, as a frozen Redis does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        held: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    held.append(listener.accept()[0])
                except OSError:
                    return

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()
        for connection in held:
            connection.close()


def publishing_to(url: str) -> Callable[[], object]:
    app = Celery("publisher", broker=url, set_as_current=False)
    app.conf.broker_transport_options = {"socket_timeout": 5, "socket_connect_timeout": 2}
    return lambda: app.send_task("anything", retry=False)


class Published:
    """A publishing call that counts."""

    def __init__(self) -> None:
        self.threads: list[str] = []

    def __call__(self) -> None:
        self.threads.append(threading.current_thread().name)


class Stuck:
    """One that hangs until it is let go."""

    def __init__(self) -> None:
        self.began, self.let_go = threading.Event(), threading.Event()

    def __call__(self) -> None:
        self.began.set()
        self.let_go.wait(30)


def boom() -> None:
    raise OSError("refused")


def test_a_nudge_goes_out_from_a_thread_of_its_own():
    published = Published()

    assert publish(published)
    assert publish(published)

    assert published.threads == ["publisher", "publisher"]


def test_a_broker_that_accepts_and_never_answers_holds_up_nobody(mute_broker):
    call = publishing_to(mute_broker)

    began = time.monotonic()
    assert not publish(call, wait_seconds=0.3)
    assert 0.3 <= time.monotonic() - began < 1

    began = time.monotonic()
    assert not any(publish(call, wait_seconds=0.3) for _ in range(1000))  # the circuit is open
    assert time.monotonic() - began < 0.3


def test_after_a_failure_nobody_tries_for_a_while():
    published = Published()

    assert not publish(boom)
    assert not publish(published)

    assert published.threads == []


def test_then_somebody_tries_again(monkeypatch):
    monkeypatch.setattr(publisher, "RECOVERY_SECONDS", 0.0)
    published = Published()

    assert not publish(boom)
    assert publish(published)

    assert published.threads == ["publisher"]


def test_an_answer_that_comes_too_late_breaks_nothing(monkeypatch):
    monkeypatch.setattr(publisher, "RECOVERY_SECONDS", 0.0)
    stuck, published = Stuck(), Published()

    assert not publish(stuck, wait_seconds=0.01)
    stuck.let_go.set()

    assert publish(published, wait_seconds=10)


def test_a_full_backlog_is_given_up_at_once(monkeypatch):
    monkeypatch.setattr(publisher, "BACKLOG_LIMIT", 1)
    monkeypatch.setattr(publisher, "RECOVERY_SECONDS", 0.0)
    stuck, published = Stuck(), Published()

    assert not publish(stuck, wait_seconds=0.01)
    assert stuck.began.wait(10)
    assert not publish(published, wait_seconds=0.01)  # waits in the queue

    began = time.monotonic()
    assert not publish(published, wait_seconds=30)
    assert time.monotonic() - began < 5
    stuck.let_go.set()


def exit_code_of_child(work: Callable[[], bool]) -> int:
    """Fork; 0 if `work` came out true in the child, which is killed after ten seconds."""
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(10)
        os._exit(0 if work() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_forked_child_has_a_nudger_of_its_own():
    assert publish(Published())

    assert exit_code_of_child(lambda: publish(Published(), wait_seconds=5)) == 0


def test_a_child_forked_while_somebody_nudged_can_nudge():
    with publisher._publisher._lock:
        assert exit_code_of_child(lambda: publish(Published(), wait_seconds=5)) == 0


@pytest.fixture
def broker_away(monkeypatch) -> Iterator[None]:
    """The tasks belong to an app like ours whose broker and results are where nobody listens."""
    away = Celery("away", set_as_current=False)
    away.config_from_object("config.celery_config")
    away.conf.broker_url = away.conf.result_backend = "redis://127.0.0.1:9/0"
    ours = current_app._get_current_object()
    away.set_current()
    monkeypatch.setattr(tasks, "publish", lambda call: call())
    yield
    ours.set_current()


@pytest.mark.usefixtures("broker_away")
@pytest.mark.parametrize("ask", [tasks.open_soon, lambda: tasks.publish_batch(1, 1)])
def test_a_broker_that_is_away_is_known_at_the_first_try(ask):
    """Whoever waited for a result would subscribe to it first, and try that for ten seconds."""
    with pytest.raises(OperationalError):
        ask()
