"""Pause and cancel reach what is already with the transport."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from django.db import connections
from django.utils import timezone

from distribution.engine import sweep
from distribution.lifecycle import closing, control
from distribution.models import Delivery, Distribution, State
from distribution.reporting import dashboard
from distribution.runtime.background import PerProcess
from distribution.sending import batch, withdrawal
from phonepool.cloud_api.client import CloudApi
from phonepool.cloud_api.transport import Response
from phonepool.models import PhoneNumber
from tests.api.tokens import a_program
from tests.builders import an_open_distribution
from tests.distribution.staff import a_client

pytestmark = pytest.mark.django_db(transaction=True)


class Sink:
    """A transport that counts what leaves, after the guard let it."""

    def __init__(self) -> None:
        self.left: list[float] = []

    def post(self, path: str, body: bytes, *, guard: Callable[[], None]) -> Response:
        guard()
        self.left.append(time.monotonic())
        wamid = f"wamid.{len(self.left)}.{id(self)}"
        return Response(200, {}, b'{"messages": [{"id": "%s"}]}' % wamid.encode())

    def get(self, path: str) -> Response:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def sink():
    return Sink()


@pytest.fixture
def api(sink):
    made = CloudApi(
        "http://nobody", "v1", "t", connect_timeout=1, read_timeout=1, concurrency=8, transport=sink
    )
    yield made
    made.close()


@pytest.fixture
def slow(settings, monkeypatch) -> Distribution:
    """Fifty people, one message in a second, all of a micro-batch handed over long before."""
    monkeypatch.setattr(batch, "MARKED_AHEAD_SECONDS", 100.0)
    settings.SLOT_HORIZON_SECONDS = 60
    opened = an_open_distribution(50)
    PhoneNumber.objects.update(rate_per_second=1)
    return opened


def in_a_thread(distribution: Distribution, api: CloudApi) -> threading.Thread:
    def send() -> None:
        try:
            batch.send_batch(distribution.pk, 0, api=api)
        finally:
            connections.close_all()

    thread = threading.Thread(target=send)
    thread.start()
    return thread


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("how", ["pause", "cancel", "window"])
def test_nothing_leaves_a_second_after_pause_cancel_or_the_windows_end(slow, api, sink, how):
    thread = in_a_thread(slow, api)
    wait_until(lambda: len(sink.left) >= 2)

    now = timezone.now()
    if how == "pause":
        assert control.pause(slow.pk, reason="Stop.", now=now)
    elif how == "cancel":
        control.cancel(slow.pk, reason="Stop.", now=now)
    else:
        Distribution.objects.update(window_end=now)
    committed = time.monotonic()
    thread.join(60)

    assert not thread.is_alive()
    # How fast is up to the machine; that it is not the twenty seconds of the slots is not.
    assert max(sink.left) - committed < 8
    states = Delivery.objects.all().count_by_state()
    assert states.pop("ACCEPTED") == len(sink.left) < 20
    assert sum(states.values()) == 50 - len(sink.left)
    assert set(states) <= {State.PENDING, State.RETRY_WAIT, State.SKIPPED}
    if how != "pause":
        sweep.sweep(timezone.now())
        closing.complete_if_done(slow.pk, now=timezone.now())
        assert set(Delivery.objects.all().count_by_state()) == {"ACCEPTED", "SKIPPED"}
        reason = "cancelled" if how == "cancel" else "window"
        assert set(Delivery.objects.filter(state="SKIPPED").values_list("reason", flat=True)) == {
            reason
        }


def test_what_was_withdrawn_goes_on_after_the_resume(slow, api, sink):
    thread = in_a_thread(slow, api)
    wait_until(lambda: len(sink.left) >= 1)
    control.pause(slow.pk, reason="Stop.", now=timezone.now())
    thread.join(60)
    before = len(sink.left)

    PhoneNumber.objects.update(rate_per_second=1000, next_slot=0)
    control.resume(slow.pk, now=timezone.now())
    Delivery.objects.exclude(state="ACCEPTED").update(next_at=timezone.now())
    batch.send_batch(slow.pk, 0, api=api)

    wait_until(lambda: Delivery.objects.all().count_by_state() == {"ACCEPTED": 50})
    assert len(sink.left) == 50 > before
    assert not Delivery.objects.filter(tries_charged__gt=0).exists()


def test_after_a_pause_nobody_is_said_to_be_left_out_by_a_cancel(slow, api, sink):
    """On the dashboard and in the API their calls were withdrawn, no more; on a person's page the
    pause is why they wait."""
    thread = in_a_thread(slow, api)
    wait_until(lambda: len(sink.left) >= 1)
    control.pause(slow.pk, reason="Stop.", now=timezone.now())
    thread.join(60)
    waiting = Delivery.objects.filter(state=State.RETRY_WAIT).order_by("pk")
    person = waiting[0].subscriber_id
    words = "stopped before it was sent"

    dashboard.shared.clear()
    staff, program = a_client("Operator"), a_program("read", "subscribers")
    board = staff.get("/dashboard/board/").content.decode()
    page = staff.get(f"/admin/subscribers/subscriber/{person}/change/").content.decode()
    status = program.get("/api/distribution/status", {"id": slow.pk}).json()
    history = program.get(f"/api/distribution/subscribers/{person}/history").json()

    assert status["counts"]["reasons"] == [
        {
            "state": "RETRY_WAIT",
            "reason": "withdrawn",
            "words": words,
            "advice": "No action needed. Daybreak retries.",
            "count": waiting.count(),
        }
    ]
    assert words in board.lower()
    assert "the distribution is paused: Stop." in page
    assert history["deliveries"][0]["told"].endswith("the distribution is paused: Stop.")
    for told in (board, page, str(status), str(history)):
        assert "was cancelled" not in told


def test_a_process_that_ends_withdraws_what_it_has_not_begun(slow, api, sink):
    thread = in_a_thread(slow, api)
    wait_until(lambda: len(sink.left) >= 1)

    assert withdrawal.withdraw_all(for_good=False) == 1
    thread.join(60)

    assert not thread.is_alive()
    tally = Delivery.objects.all().count_by_state()
    assert set(tally) <= {"ACCEPTED", "PENDING", "RETRY_WAIT"}
    assert tally["ACCEPTED"] == len(sink.left)
    assert withdrawal.withdraw_all(for_good=False) == 0  # nothing is left behind


def test_a_distribution_that_sends_is_left_alone(api, sink):
    opened = an_open_distribution(30)
    PhoneNumber.objects.update(rate_per_second=20)

    thread = in_a_thread(opened, api)
    thread.join(60)

    wait_until(lambda: Delivery.objects.all().count_by_state() == {"ACCEPTED": 30})


def test_in_a_process_that_is_about_to_end_nothing_new_is_begun(slow, api, sink, monkeypatch):
    monkeypatch.setattr(withdrawal, "_registry", PerProcess(withdrawal._Registry))
    withdrawal.withdraw_all()

    batch.send_batch(slow.pk, 0, api=api)

    assert sink.left == []
    assert Delivery.objects.all().count_by_state() == {"PENDING": 50}
