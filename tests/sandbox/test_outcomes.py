from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sandbox.behaviour.outcomes import (
    MessageOutcome,
    outcome_by_suffix,
    random_pair,
    sticky_outcome,
)
from sandbox.behaviour.settings import build
from sandbox.behaviour.timing import by_quantiles, log_normal
from tests.sandbox.harness import Receiver, SandboxProcess, start, wait_for

SHARES = {"invalid": 0.1, "never": 0.2}


def draw(seed: int, person: str) -> MessageOutcome:
    return sticky_outcome(
        random_pair(seed, person), shares=SHARES, read_share=0.5, delivered_skipped_share=0.1
    )


def test_the_class_belongs_to_the_person_and_the_seed() -> None:
    people = [f"9198{n:08d}" for n in range(300)]
    first = [draw(1, person) for person in people]
    assert first == [draw(1, person) for person in people]
    assert first != [draw(2, person) for person in people]


def test_the_shares_come_out_as_ordered() -> None:
    drawn = Counter(draw(7, f"9198{n:08d}") for n in range(20_000))
    expected = {
        MessageOutcome.INVALID: 0.1,
        MessageOutcome.NEVER: 0.2,
        MessageOutcome.DELIVERED: 0.7 * 0.5,
        MessageOutcome.READ: 0.7 * 0.5 * 0.9,
        MessageOutcome.READ_ONLY: 0.7 * 0.5 * 0.1,
    }
    assert set(drawn) == set(expected)
    for name, share in expected.items():
        assert abs(drawn[name] / 20_000 - share) < 0.01, name


def test_the_fast_profile_fails_one_in_a_thousand() -> None:
    settings = build("fast")
    drawn = Counter(
        sticky_outcome(
            random_pair(1, f"9198{n:08d}"),
            shares=settings.outcome_shares["UTILITY"],
            read_share=settings.read_share,
            delivered_skipped_share=settings.delivered_skipped_share,
        )
        for n in range(50_000)
    )
    assert set(drawn) == {MessageOutcome.INVALID, MessageOutcome.DELIVERED, MessageOutcome.READ}
    assert 25 <= drawn[MessageOutcome.INVALID] <= 80
    assert 0.59 < drawn[MessageOutcome.READ] / 50_000 < 0.61


def test_a_magic_ending_decides() -> None:
    endings = {"0001": "invalid", "2": "capped"}
    assert outcome_by_suffix(endings, "919800000001") is MessageOutcome.INVALID
    assert outcome_by_suffix(endings, "919800000002") is MessageOutcome.CAPPED
    assert outcome_by_suffix(endings, "919800000003") is None


def test_two_processes_agree_about_everybody(sandbox: SandboxProcess) -> None:
    shares = {"outcome_shares": {"UTILITY": SHARES}, "read_share": 0.5}
    sandbox.settings(**shares)
    other = start(settings=shares)
    people = [f"+9198{n:08d}" for n in range(10, 50)]
    try:
        for person in people:
            assert sandbox.send(person).status_code == 200
        for person in reversed(people):
            assert other.send(person).status_code == 200
        here = {entry["to"]: entry["outcome"] for entry in sandbox.journal()}
        there = {entry["to"]: entry["outcome"] for entry in other.journal()}
    finally:
        assert other.stop() == 0
    assert here == there
    assert len(set(here.values())) > 2


def test_a_forced_outcome_holds_until_it_is_natural_again(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.control("POST", "recipient/+919811111111", {"outcome": "capped"})
    sandbox.send("+919811111111")
    sandbox.control("POST", "recipient/919811111111", {"outcome": "failed", "code": 131016})
    sandbox.send("+919811111111")
    sandbox.control("POST", "recipient/919811111111", {"outcome": "natural"})
    sandbox.send("+919811111111")
    statuses = wait_for(lambda: len(found := receiver.statuses()) == 4 and found)
    codes = [status["errors"][0]["code"] for status in statuses if "errors" in status]
    assert sorted(codes) == [131016, 131049]
    outcomes = [entry["outcome"] for entry in sandbox.journal()]
    assert outcomes == ["capped", "server_error", "delivered"]


def test_the_portfolios_limit_fails_one_person_too_many(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.control("POST", "portfolio", {"limit": 2})
    for person in ("+919811111111", "+919822222222", "+919811111111", "+919833333333"):
        sandbox.send(person)
    outcomes = [entry["outcome"] for entry in sandbox.journal()]
    assert outcomes == ["delivered", "delivered", "delivered", "limited"]
    (value,) = wait_for(lambda: receiver.values("business_capability_update"))
    assert value["max_daily_conversations_per_business"] == 2


@given(z=st.floats(-6, 6))
def test_latency_grows_with_z_and_keeps_to_its_marks(z: float) -> None:
    here, beyond = (log_normal(at, 350, 900, 2500, 30_000) for at in (z, z + 0.1))
    assert 0 < here <= beyond <= 30_000
    assert round(log_normal(0.0, 350, 900, 2500)) == 350
    assert round(log_normal(1.6449, 350, 900, 2500)) == 900
    assert round(log_normal(2.3263, 350, 900, 2500)) == 2500


def test_quantiles_are_hit_and_joined() -> None:
    points = [[0.0, 0.1], [0.5, 0.5], [1.0, 3]]
    assert [round(by_quantiles(points, level), 3) for level in (0.0, 0.5, 1.0)] == [0.1, 0.5, 3]
    assert 0.5 < by_quantiles(points, 0.75) < 3
