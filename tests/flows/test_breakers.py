"""Numbers that fall ill and recover, through the real client against the real sandbox; its
journal is the oracle."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.utils import timezone

from distribution.alerts import phone_pool
from distribution.lifecycle import control
from distribution.models import Alert, Delivery, Distribution, DistributionState, State
from distribution.sending import batch as sending
from distribution.sending import settling
from phonepool.cloud_api import client
from phonepool.models import PhoneEvent, PhoneNumber
from phonepool.numbers import health, return_rule
from tests.builders import a_number, a_template, an_approved_content, an_open_distribution
from tests.sandbox.harness import ONE, TOKEN, TWO, SandboxProcess, start

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
PEOPLE, BATCHES = 400, 8


@pytest.fixture
def meta(settings) -> Iterator[SandboxProcess]:
    """The sandbox, which our client takes for Meta."""
    sandbox = start()
    settings.WHATSAPP_API_BASE, settings.WHATSAPP_ACCESS_TOKEN = sandbox.url, TOKEN
    settings.CLOUD_API_READ_TIMEOUT = 1.0
    settings.BREAKER_COOLDOWN_SECONDS = 0.2
    yield sandbox
    client.client().close()
    sandbox.stop()


@pytest.fixture
def distribution(meta, db) -> Distribution:
    a_number(meta_id=ONE, rate_per_second=400)
    a_number(meta_id=TWO, rate_per_second=400)
    content = an_approved_content(message_template=a_template(name="daily_update"))
    return an_open_distribution(PEOPLE, content=content)


def send_until(distribution: Distribution, done: Callable[[], bool], seconds: float = 60) -> None:
    """Work on whatever is due, as nudges and the regular check would."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, Delivery.objects.count_by_state()
        for batch in range(BATCHES):
            if done():
                return
            sending.send_batch(distribution.pk, batch, api=client.client())
        time.sleep(0.1)
        waiting = Delivery.objects.filter(state__in=[State.PENDING, State.RETRY_WAIT])
        waiting.update(next_at=timezone.now())
        phone_pool.refresh(timezone.now())


def number(meta_id: str) -> PhoneNumber:
    return PhoneNumber.objects.get(meta_id=meta_id)


def kinds(meta_id: str) -> list[str]:
    events = PhoneEvent.objects.filter(number__meta_id=meta_id).order_by("pk")
    return [kind for kind in events.values_list("kind", flat=True) if "breaker" in kind]


def count(*states: State) -> int:
    return Delivery.objects.filter(state__in=states).count()


def written_to(meta: SandboxProcess) -> Counter[str]:
    return Counter(entry["to"] for entry in meta.journal())


@pytest.mark.parametrize(
    ("fault", "lost"),
    [
        ({"do": "error", "code": 131016, "status": 503}, State.RETRY_WAIT),
        ({"do": "hang", "seconds": 3}, State.UNKNOWN),
    ],
    ids=["503", "timeouts"],
)
def test_a_number_that_fails_is_left_alone_and_taken_back(distribution, meta, fault, lost):
    meta.control("POST", "faults", {**fault, "match": {"number": ONE}, "for_seconds": 600})
    send_until(distribution, lambda: number(ONE).breaker != "CLOSED")
    phone_pool.refresh(timezone.now())
    assert Alert.objects.get(rule="number_breaker", closed_at=None).severity == "CRITICAL"
    assert number(TWO).breaker == "CLOSED"
    burnt = count(lost)
    assert 20 <= burnt <= PEOPLE / 2

    meta.control("DELETE", "faults")
    send_until(distribution, lambda: count(State.ACCEPTED, State.UNKNOWN) == PEOPLE)

    assert kinds(ONE)[0] == "breaker_opened"
    assert kinds(ONE)[-1] == "breaker_closed"
    assert kinds(TWO) == []
    unknown = burnt if lost is State.UNKNOWN else 0
    assert count(State.UNKNOWN) >= unknown  # a trial may have run into the fault, too
    reached = written_to(meta)
    assert (len(reached), max(reached.values())) == (count(State.ACCEPTED), 1)
    phone_pool.refresh(timezone.now())
    assert not Alert.objects.filter(rule="number_breaker", closed_at=None).exists()


def test_when_meta_is_down_nobody_is_burnt_and_all_goes_on_when_it_is_back(distribution, meta):
    meta.control("POST", "faults", {"do": "error", "code": 2, "status": 503, "for_seconds": 600})
    send_until(distribution, lambda: number(ONE).portfolio.breaker == "OPEN")
    burnt = PEOPLE - Delivery.objects.filter(attempt_no=0).count()
    for batch in range(BATCHES):
        sending.send_batch(distribution.pk, batch, api=client.client())
    trials = PEOPLE - Delivery.objects.filter(attempt_no=0).count() - burnt
    assert burnt <= PEOPLE / 2
    assert trials <= 2 * BATCHES
    assert meta.journal() == []

    meta.control("DELETE", "faults")
    send_until(distribution, lambda: count(State.ACCEPTED) == PEOPLE)

    assert written_to(meta) == Counter(
        {phone.lstrip("+"): 1 for phone in Delivery.objects.values_list("phone", flat=True)}
    )
    assert number(ONE).portfolio.breaker == "CLOSED"


def test_a_token_that_expired_costs_nobody_and_a_new_one_needs_no_restart(
    distribution, meta, settings, tmp_path: Path
):
    settings.WHATSAPP_ACCESS_TOKEN = "an-old-token"
    settings.WHATSAPP_ACCESS_TOKEN_FILE = str(tmp_path / "token")

    def paused() -> bool:
        return Distribution.objects.get().state == DistributionState.PAUSED

    send_until(distribution, paused)
    assert "token_invalid" in Distribution.objects.get().state_reason
    assert count(State.PENDING, State.RETRY_WAIT) == PEOPLE
    assert sending.send_batch(distribution.pk, 1, api=client.client()) == settling.BatchResult()

    (tmp_path / "token").write_text(f"{TOKEN}\n")
    control.resume(distribution.pk, now=timezone.now())
    send_until(distribution, lambda: count(State.ACCEPTED) == PEOPLE)

    assert set(written_to(meta).values()) == {1}
    assert len(written_to(meta)) == PEOPLE


def test_a_refused_number_rests_and_comes_back_in_steps_within_the_run(
    distribution, meta, monkeypatch, settings
):
    settings.NUMBER_REST_SECONDS = 0.2
    for name, value in {"STEP_SECONDS": 0.05, "FIRST_ANSWERS": 2, "ANSWERS": 2}.items():
        monkeypatch.setattr(return_rule, name, value)
    PhoneNumber.objects.filter(meta_id=TWO).update(rate_per_second=100)
    not_registered = {"do": "error", "code": 133010, "status": 400, "times": 1}
    meta.control("POST", "faults", {**not_registered, "match": {"number": ONE}})

    def done() -> bool:
        health.wake_rested(timezone.now())
        return count(State.ACCEPTED) == PEOPLE

    send_until(distribution, done)

    events = PhoneEvent.objects.filter(number__meta_id=ONE).order_by("pk")
    steps = list(events.values_list("kind", "detail"))
    assert [kind for kind, _ in steps[:2]] == ["resting", "woken"]
    assert steps[2:] == [
        ("return_step", "1% → 5%"),
        ("return_step", "5% → 25%"),
        ("return_step", "25% → 50%"),
        ("return_step", "50% → 100%"),
    ]
    assert (number(ONE).return_share, number(ONE).state) == (100, "ACTIVE")
    assert max(written_to(meta).values()) == 1
    senders = Counter(Delivery.objects.values_list("number__meta_id", flat=True))
    assert senders[ONE] >= 40
    assert senders.total() == PEOPLE
