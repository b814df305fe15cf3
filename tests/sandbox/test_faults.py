from __future__ import annotations

import time
from typing import Any

import pytest
import requests

from tests.sandbox.harness import ONE, TWO, Receiver, SandboxProcess, wait_for

RAVI = "+919812345678"
MEERA = "+919887654321"


def script(
    sandbox: SandboxProcess, do: str, match: dict[str, Any] | None = None, **more: Any
) -> None:
    sandbox.control("POST", "faults", [{"match": match or {}, "do": do, **more}])


def used(sandbox: SandboxProcess) -> list[int]:
    return [fault["used"] for fault in sandbox.control("GET", "faults")["faults"]]


def accepted(sandbox: SandboxProcess) -> list[str]:
    return [entry["to"] for entry in sandbox.journal()]


def test_an_error_is_answered_and_nothing_accepted(sandbox: SandboxProcess) -> None:
    script(sandbox, "error", code=4, retry_after=7, details="Slow down.")
    answer = sandbox.send(RAVI, opaque="a/1")
    assert (answer.status_code, answer.headers["Retry-After"]) == (400, "7")
    assert answer.json()["error"]["code"] == 4
    assert answer.json()["error"]["error_data"]["details"] == "Slow down."
    assert sandbox.send(RAVI).status_code == 200  # once only, unless told otherwise
    one = sandbox.stats()["numbers"][ONE]
    assert (one["refused"], one["faulted"]) == ({"4": 1}, {"error": 1})
    (refusal,) = sandbox.control("GET", "refusals")["entries"]
    assert (refusal["code"], refusal["biz_opaque_callback_data"]) == (4, "a/1")


def test_a_gateways_page_is_not_an_acceptance(sandbox: SandboxProcess) -> None:
    script(sandbox, "http", status=502, body="<html>bad</html>")
    answer = sandbox.send(RAVI)
    assert (answer.status_code, answer.text) == (502, "<html>bad</html>")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert accepted(sandbox) == []


def test_a_gateways_page_may_hide_an_acceptance(sandbox: SandboxProcess) -> None:
    script(sandbox, "accept_then_http", status=504)
    assert sandbox.send(RAVI).status_code == 504
    assert accepted(sandbox) == ["919812345678"]


def test_an_error_may_hide_an_acceptance(sandbox: SandboxProcess, receiver: Receiver) -> None:
    script(sandbox, "accept_but_error")
    answer = sandbox.send(RAVI, opaque="a/1")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, 131000)
    assert accepted(sandbox) == ["919812345678"]
    assert wait_for(receiver.statuses)[0]["biz_opaque_callback_data"] == "a/1"


@pytest.mark.parametrize(("do", "count"), [("reset_before_read", 0), ("accept_then_reset", 1)])
def test_a_reset_leaves_the_caller_without_an_answer(
    sandbox: SandboxProcess, do: str, count: int
) -> None:
    script(sandbox, do)
    with pytest.raises(requests.ConnectionError, match="reset by peer"):
        sandbox.send(RAVI)
    assert len(accepted(sandbox)) == count


def test_a_late_answer_still_comes(sandbox: SandboxProcess) -> None:
    script(sandbox, "accept_then_delay", seconds=0.6)
    with pytest.raises(requests.ReadTimeout):
        sandbox.send(RAVI, timeout=0.2)
    assert accepted(sandbox) == ["919812345678"]
    script(sandbox, "accept_then_delay", seconds=0.3)
    began = time.monotonic()
    assert sandbox.send(MEERA).status_code == 200
    assert time.monotonic() - began >= 0.3


def test_a_hanging_call_is_never_accepted(sandbox: SandboxProcess) -> None:
    script(sandbox, "hang", seconds=0.5)
    with pytest.raises(requests.ReadTimeout):
        sandbox.send(RAVI, timeout=0.2)
    assert accepted(sandbox) == []


def test_half_a_body_is_announced_as_a_whole_one(sandbox: SandboxProcess) -> None:
    script(sandbox, "truncated_200")
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        sandbox.send(RAVI)
    assert accepted(sandbox) == ["919812345678"]


def test_a_200_may_lack_its_id(sandbox: SandboxProcess) -> None:
    script(sandbox, "200_without_id")
    answer = sandbox.send(RAVI)
    assert answer.status_code == 200
    assert sorted(answer.json()) == ["contacts", "messaging_product"]
    assert accepted(sandbox) == ["919812345678"]


def test_a_body_may_drip(sandbox: SandboxProcess) -> None:
    script(sandbox, "slow_drip", seconds=0.4)
    began = time.monotonic()
    assert sandbox.send(RAVI, timeout=0.3).json()["messages"]  # each piece comes in time
    assert time.monotonic() - began >= 0.4


def test_faults_find_their_calls(sandbox: SandboxProcess) -> None:
    script(sandbox, "error", {"number": TWO}, code=130429, times=2)
    assert [sandbox.send(RAVI).status_code for _ in range(2)] == [200, 200]
    assert [sandbox.send(RAVI, number=TWO).status_code for _ in range(3)] == [400, 400, 200]
    script(sandbox, "error", {"to": MEERA})
    assert [sandbox.send(to).status_code for to in (RAVI, MEERA)] == [200, 500]
    script(sandbox, "error", {"opaque": "run:9/"})
    assert [sandbox.send(RAVI, opaque=f"run:{n}/1").status_code for n in (8, 9)] == [200, 500]
    assert used(sandbox) == [2, 1, 1]


def test_faults_strike_at_the_nth_call_or_after_some(sandbox: SandboxProcess) -> None:
    script(sandbox, "error", {"nth": [2, 4]})
    assert [sandbox.send(RAVI).status_code for _ in range(5)] == [200, 500, 200, 500, 200]
    sandbox.control("DELETE", "faults")
    script(sandbox, "error", {"after": 2}, times=1)
    assert [sandbox.send(RAVI).status_code for _ in range(4)] == [200, 200, 500, 200]


def test_faults_by_chance_are_the_seeds_choice(sandbox: SandboxProcess) -> None:
    def round_of_forty() -> list[int]:
        sandbox.control("POST", "clear")
        script(sandbox, "error", {"probability": 0.5})
        return [sandbox.send(f"+9198{n:08d}").status_code for n in range(10, 50)]

    first = round_of_forty()
    assert first == round_of_forty()
    assert 8 < first.count(500) < 32


def test_a_storm_lasts_for_its_seconds(sandbox: SandboxProcess) -> None:
    began = time.monotonic()
    script(sandbox, "error", {"number": ONE}, code=130429, for_seconds=1.5)
    assert sandbox.send(RAVI).json()["error"]["code"] == 130429
    wait_for(lambda: sandbox.send(MEERA, number=ONE).status_code == 200)
    assert time.monotonic() - began >= 1.5
    script(sandbox, "error", {"between_s": [0.0, 0.2]}, times=100)
    assert sandbox.send(RAVI).status_code in (200, 500)
    wait_for(lambda: sandbox.send(RAVI, number=TWO).status_code == 200)


def test_an_acceptance_fault_waits_for_an_acceptance(sandbox: SandboxProcess) -> None:
    script(sandbox, "accept_but_error")
    assert sandbox.send("nobody").json()["error"]["code"] == 131009
    assert used(sandbox) == [0]
    assert sandbox.send(RAVI).status_code == 500
    assert used(sandbox) == [1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"do": "explode"},
        {"do": "error", "cod": 1},
        {"do": "error", "match": {"phone": "1"}},
        {"do": "error", "match": {"nth": "two"}},
        {"do": "error", "times": "many"},
        {"do": "error", "code": "many"},
        {"do": "hang", "seconds": -1},
        "error",
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(sandbox: SandboxProcess, wrong: Any) -> None:
    good = {"do": "error"}
    assert sandbox.ask("POST", "faults", [good, wrong]).status_code == 400
    assert used(sandbox) == []  # not even the good one beside it


def test_server_errors_come_in_bursts_and_slow_answers_hide_acceptances(
    sandbox: SandboxProcess,
) -> None:
    sandbox.settings(server_error_share=1)
    answers = [sandbox.send(RAVI) for _ in range(10)]
    assert {answer.json()["error"]["code"] for answer in answers} <= {131000, 131016, 2}
    assert len({answer.json()["error"]["code"] for answer in answers[:5]}) == 1
    sandbox.settings(server_error_share=0, reset_after_accept_share=1)
    with pytest.raises(requests.ConnectionError):
        sandbox.send(RAVI)
    sandbox.settings(reset_after_accept_share=0, slow_accept_share=1, slow_accept_ms=600)
    with pytest.raises(requests.ReadTimeout):
        sandbox.send(RAVI, timeout=0.2)
    assert len(accepted(sandbox)) == 2


def test_an_outage_answers_everything_503(sandbox: SandboxProcess) -> None:
    sandbox.control("POST", "outage", {"seconds": 30})
    assert sandbox.send(RAVI).json()["error"]["code"] == 2
    assert sandbox.get(ONE).status_code == 503
    sandbox.control("POST", "outage", {"seconds": 30, "html": True})
    assert sandbox.send(RAVI).headers["Content-Type"].startswith("text/html")
    assert sandbox.stats()["requests"] == {"outage": 3}
    sandbox.control("POST", "outage", {"seconds": 0})
    assert sandbox.send(RAVI).status_code == 200


def test_a_share_of_the_messages_fails_late_with_any_code(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    late = {"share": 0.5, "code": 132018, "details": "buttons: Too many.", "number": ONE}
    sandbox.control("POST", "late_failure", late)
    people = [f"+9197{place:08d}" for place in range(40)]
    answers = [sandbox.send(person).json() for person in people]
    assert {answer["messages"][0]["message_status"] for answer in answers} == {"accepted"}
    outcomes = [entry["outcome"] for entry in sandbox.journal()]
    failed = outcomes.count("late_failure")
    assert 8 < failed < 32
    assert set(outcomes) == {"late_failure", "delivered"}
    statuses = wait_for(
        lambda: len(found := receiver.statuses()) == failed + 2 * (40 - failed) and found
    )
    errors = [status["errors"][0] for status in statuses if status["status"] == "failed"]
    assert len(errors) == failed
    assert {error["code"] for error in errors} == {132018}
    assert {error["error_data"]["details"] for error in errors} == {"buttons: Too many."}
    assert sandbox.send(RAVI, number=TWO).status_code == 200
    assert sandbox.journal()[-1]["outcome"] == "delivered"


def test_a_late_failure_may_be_of_one_template_or_person(sandbox: SandboxProcess) -> None:
    sandbox.control("POST", "late_failure", {"code": 131053, "template": "offer"})
    sandbox.control("POST", "late_failure", {"code": 131026, "to": "+919811111111"})
    sandbox.send(RAVI)
    sandbox.send("+919811111111")
    name = [{"type": "text", "text": "x", "parameter_name": "name"}]
    sandbox.send(RAVI, template="offer", language="en_US", parameters=name)
    outcomes = [entry["outcome"] for entry in sandbox.journal()]
    assert outcomes == ["delivered", "late_failure", "late_failure"]
    sandbox.control("DELETE", "faults")
    sandbox.send("+919811111111")
    assert sandbox.journal()[-1]["outcome"] == "delivered"


def test_a_page_and_an_error_carry_any_headers(sandbox: SandboxProcess) -> None:
    """Case A11."""
    headers = {"Retry-After": "3.5", "Via": "1.1 proxy"}
    script(sandbox, "http", status=429, body="<html>", headers=headers)
    page = sandbox.send(RAVI)
    assert (page.status_code, page.text) == (429, "<html>")
    assert {name: page.headers[name] for name in headers} == headers
    script(sandbox, "http", status=429, body="{}", headers={"Content-Type": "application/json"})
    assert sandbox.send(RAVI).headers["Content-Type"].startswith("application/json")
    script(sandbox, "error", code=130429, headers={"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"})
    assert sandbox.send(RAVI).headers["Retry-After"] == "Wed, 21 Oct 2026 07:28:00 GMT"
