from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from sandbox.world.throughput import HOUR_SECONDS, DailyPeople, PairLimiter, SlidingWindow
from tests.sandbox.harness import ONE, TWO, Receiver, SandboxProcess, message, wait_for

GAPS = st.lists(st.integers(0, 400_000).map(lambda micro: micro / 1e6), max_size=200)


def most_in_a_second(moments: list[float]) -> int:
    ordered = sorted(moments)
    ends = [bisect_left(ordered, start + 1.0) for start in ordered]
    return max((end - place for place, end in enumerate(ends)), default=0)


@given(gaps=GAPS, limit=st.integers(1, 12))
def test_no_second_ever_holds_more_than_the_limit(gaps: list[float], limit: int) -> None:
    window, now, admitted, seen = SlidingWindow(), 1_790_000_000.0, [], []
    for gap in gaps:
        now += gap
        seen.append(now)
        if window.admit(now, limit):
            admitted.append(now)
    assert most_in_a_second(admitted) <= limit
    assert window.peak == most_in_a_second(admitted)
    if most_in_a_second(seen) <= limit:
        assert admitted == seen  # nobody who keeps the limit is refused


def test_a_flood_is_cut_at_the_numbers_rate_by_time_of_arrival(sandbox: SandboxProcess) -> None:
    sandbox.control("POST", f"number/{ONE}", {"rate": 40})
    sandbox.settings(rate_burst=1)

    def call(person: int) -> int:
        number = TWO if person % 10 == 0 else ONE
        return sandbox.send(f"+9190{person:08d}", number=number).status_code

    with ThreadPoolExecutor(16) as pool:
        codes = Counter(pool.map(call, range(400)))
    entries = sandbox.journal()
    arrivals: dict[str, list[float]] = {ONE: [], TWO: []}
    for entry in entries:
        arrivals[entry["phone_number_id"]].append(entry["arrived_at"])
    assert len(arrivals[TWO]) == 40
    assert 41 <= len(arrivals[ONE]) < 360
    assert most_in_a_second(arrivals[ONE]) == 41  # the rate, and the burst of one
    assert codes == {200: len(entries), 400: 400 - len(entries)}
    one = sandbox.stats()["numbers"][ONE]
    assert one["refused"] == {"130429": 400 - len(entries)}
    assert (one["requests"], one["accepted"], one["peak_in_1_s"]) == (360, len(arrivals[ONE]), 41)


def test_the_refusal_may_be_429_or_come_by_webhook(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.control("POST", f"number/{ONE}", {"rate": 0})
    sandbox.settings(rate_burst=0, rate_refusal="429")
    assert sandbox.send("+919811111111").status_code == 429
    sandbox.settings(rate_refusal="webhook")
    assert sandbox.send("+919811111111").status_code == 200
    (status,) = wait_for(receiver.statuses)
    assert (status["status"], status["errors"][0]["code"]) == ("failed", 130429)
    assert [entry["outcome"] for entry in sandbox.journal()] == ["throttled"]


def test_inbound_messages_use_up_throughput(sandbox: SandboxProcess) -> None:
    sandbox.control("POST", f"number/{ONE}", {"rate": 1})
    sandbox.settings(rate_burst=0)
    sandbox.control("POST", "inbound", {"from": "+919811111111", "text": "hello", "number": ONE})
    assert sandbox.send("+919811111111").json()["error"]["code"] == 130429


def test_a_reply_uses_up_throughput_when_it_comes(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    def peak_with_a_reply() -> int:
        sandbox.control("POST", "clear")
        sandbox.settings(reply_share=1, read_share=1, read_p50_s=0.1, read_p95_s=0.1)
        sandbox.send("+919812345678")
        wait_for(lambda: sandbox.stats()["webhooks"]["acknowledged"].get("inbound"))
        return int(sandbox.stats()["numbers"][ONE]["peak_in_1_s"])

    # Both are in one second unless the machine stalls between them.
    wait_for(lambda: peak_with_a_reply() == 2)


def test_a_pair_may_burst_and_then_pays_for_it() -> None:
    pairs = PairLimiter()

    def ask(at: float) -> bool:
        return pairs.admit("919811111111", 1000.0 + at, interval=6, burst=45)

    assert [ask(n * 0.1) for n in range(20)] == [True] * 20
    assert not ask(6.1)
    assert not ask(119.9)  # 20 messages block for 20 times 6 seconds
    assert ask(120.0)
    assert pairs.admit("919822222222", 1000.0, interval=6, burst=45)


def test_a_burst_to_one_person_ends_at_its_limit(sandbox: SandboxProcess) -> None:
    sandbox.settings(pair_burst=3)
    answers = [sandbox.send("+919811111111") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 400]
    assert answers[3].json()["error"]["code"] == 131056
    assert sandbox.post(message("+919811111111"), number=TWO).status_code == 200


def test_management_calls_are_counted_by_the_hour() -> None:
    calls = SlidingWindow(HOUR_SECONDS)
    assert [calls.admit(10.0, 2), calls.admit(11.0, 2), calls.admit(12.0, 2)] == [True, True, False]
    assert calls.used_percent(2) == 100
    assert calls.admit(3610.0, 2)


def test_a_portfolio_counts_different_people_of_a_day() -> None:
    people = DailyPeople()
    assert [people.admit(name, 0.0, 2) for name in ("a", "b", "c", "a")] == [
        *(True, True, False, True),
    ]
    assert people.admit("c", 86_400.0, 2)
    assert len(people) == 1
