"""The taxonomy: what each code means, and the laws that all rows keep."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phonepool import errors
from phonepool.errors import FAILURES, Action, Failure, FailureCategory, classify
from phonepool.exceptions import NotSent, Rejected, Unanswered
from phonepool.masking import masked

# Meta's published codes and the action class that the platform's reference gives each.
EXPECTED: dict[Action, tuple[int, ...]] = {
    Action.ABORT: (0, 3, 10, 104, 190, 200, 210, 294, 299, 131005, 368, 131031, 131042, 131048),
    Action.BACKOFF: (
        *(1, 2, 4, 80007, 80008, 130429, 131000, 131016, 131057, 133004, 613, 138013, 2494100),
    ),
    Action.PAIR: (131056,),
    Action.NUMBER: (33, 131037, 131045, 133010, 133000, 133005, 133006, 133008, 133009, 133015),
    Action.TEMPLATE: (
        *(132001, 132007, 132015, 132016, 132068, 132069, 131063, 131064, 134101, 134102),
    ),
    Action.INVALID: (131026, 131021),
    Action.COOL: (131049, 130472, 130403, 130497),
    Action.OPTOUT: (131050,),
    Action.FIX: (
        *(100, 131008, 131009, 131030, 131047, 131051, 131052, 131053, 131055, 131062, 137000),
        *(132000, 132005, 132008, 132012, 132018, 134100, 134011, 135000, 136024, 133016),
        *(131020, 131041, 131059, 131044, 131201, 131215, 138000, 138018, 139000, 139103),
        *(147001, 147005, 1752041, 200005, 200007, 2388019, 2388023, 2388024, 2388040),
        *(2388047, 2388072, 2388073, 2388293, 2388299),
    ),
}  # fmt: skip
EVERY_FAILURE = [failure for _, failure in errors.TABLE]


@pytest.mark.parametrize(
    ("code", "action"), [(code, action) for action, codes in EXPECTED.items() for code in codes]
)
def test_each_code_has_its_action(code: int, action: Action) -> None:
    assert classify(code).action is action


def test_every_row_of_the_table_is_expected_somewhere() -> None:
    assert set(FAILURES) <= {code for codes in EXPECTED.values() for code in codes}


def test_no_code_stands_in_the_table_twice() -> None:
    rows = [code for code, _ in errors.TABLE if code]
    assert len(rows) == len(set(rows))


@pytest.mark.parametrize("code", [None, 5, 999_999, -1, 131_999, 2**31])
def test_an_unlisted_code_is_never_repeated(code: int | None) -> None:
    assert classify(code) is errors.UNLISTED
    assert classify(code, http_status=400).action is Action.FIX


@pytest.mark.parametrize("code", [1, 131000, 999_999])
def test_a_server_fault_leaves_the_outcome_open(code: int) -> None:
    assert classify(code, http_status=500) is errors.SERVER_FAULT
    assert errors.SERVER_FAULT.action is Action.UNKNOWN


@pytest.mark.parametrize("code", [2, 131016, 131057, 131045, 133004, 3])
def test_a_5xx_with_a_code_that_says_not_processed_is_a_refusal(code: int) -> None:
    assert classify(code, http_status=503) == classify(code)


def test_the_same_codes_in_a_webhook_may_be_sent_again() -> None:
    assert classify(131000).action is Action.BACKOFF
    assert classify(1, http_status=400).action is Action.BACKOFF


def test_an_object_out_of_reach_is_the_number() -> None:
    assert classify(100, subcode=33).action is Action.NUMBER
    assert classify(100, subcode=2388024).action is Action.FIX
    assert classify(190, subcode=463).action is Action.ABORT


@pytest.mark.parametrize(
    ("details", "action"),
    [
        ("to is not a phone number.", Action.INVALID),
        ("Parameter 'to' is not valid", Action.INVALID),
        ("recipient is not a user id.", Action.INVALID),
        ("The parameter to is malformed", Action.INVALID),
        ("components[0].parameters is not valid", Action.FIX),
        ("The value is expected to be a string", Action.FIX),
        ("", Action.FIX),
    ],
)
def test_a_bad_value_is_the_recipients_only_if_meta_says_so(details: str, action: Action) -> None:
    assert classify(131009, http_status=400, details=details).action is action


RETRIED = {Action.BACKOFF, Action.PAIR, Action.UNKNOWN}
MAY_BE_RETRIED = {
    FailureCategory.RATE_LIMIT,
    FailureCategory.NETWORK_ERROR,
    FailureCategory.TIMEOUT,
}
NEVER_RETRIED = {FailureCategory.INVALID_NUMBER, FailureCategory.BLOCKED, FailureCategory.OPTED_OUT}


@pytest.mark.parametrize("failure", EVERY_FAILURE, ids=lambda failure: failure.slug)
def test_reasons_and_actions_agree(failure: Failure) -> None:
    if failure.category in MAY_BE_RETRIED:
        assert failure.action in RETRIED
    if failure.category in NEVER_RETRIED:
        assert failure.action in {Action.INVALID, Action.COOL, Action.OPTOUT}


@pytest.mark.parametrize("failure", EVERY_FAILURE, ids=lambda failure: failure.slug)
def test_advice_is_one_sentence_and_slugs_fit_a_column(failure: Failure) -> None:
    assert failure.advice.endswith(".")
    assert "\n" not in failure.advice
    assert failure.slug.replace("_", "").isalnum()
    assert failure.slug == failure.slug.lower()
    assert len(failure.slug) <= 32


def test_one_slug_means_one_thing() -> None:
    meanings: dict[str, set[tuple[Action, FailureCategory, bool]]] = {}
    for failure in EVERY_FAILURE:
        meaning = (failure.action, failure.category, failure.charged)
        meanings.setdefault(failure.slug, set()).add(meaning)
    assert [slug for slug, several in meanings.items() if len(several) > 1] == []


@pytest.mark.parametrize(
    ("details", "slug", "action"),
    [
        ("The account is restricted or disabled.", "account_locked", Action.ABORT),
        ("Business Account locked", "account_locked", Action.ABORT),
        ("", "account_locked", Action.ABORT),
        ("Two step verification PIN mismatch", "number_locked", Action.NUMBER),
        (
            "The data provided does not match what is set on the number",
            "number_locked",
            Action.NUMBER,
        ),
    ],
)
def test_a_lock_is_the_accounts_unless_it_is_about_one_numbers_pin(
    details: str, slug: str, action: Action
) -> None:
    failure = classify(131031, http_status=403, details=details)
    assert (failure.slug, failure.action) == (slug, action)


@pytest.mark.parametrize("code", [131000, 1, 135000, 131056])
def test_a_fault_that_may_lie_in_the_message_is_charged(code: int) -> None:
    assert classify(code).charged


@pytest.mark.parametrize(
    "code",
    [130429, 4, 80007, 131016, 2, 133004, 131057, 133010, 131031, 190, 132015, 131048, 200],
)
def test_a_refusal_that_says_nothing_of_the_recipient_is_not_charged(code: int) -> None:
    assert not classify(code).charged


def test_what_never_left_is_not_charged() -> None:
    free = (errors.NOT_SENT, errors.CONNECT_TIMEOUT, errors.DEADLINE_PASSED, errors.WITHDRAWN)
    assert [failure.charged for failure in free] == [False] * 4
    assert {failure.action for failure in free} == {Action.BACKOFF}


@settings(deadline=None)
@given(st.integers(), st.none() | st.integers(100, 599), st.none() | st.integers(), st.text())
def test_any_code_is_classified(
    code: int, http_status: int | None, subcode: int | None, details: str
) -> None:
    failure = classify(code, http_status=http_status, subcode=subcode, details=details)
    assert failure.slug


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+919812345678 is bad", "+91******5678 is bad"),
        ("to: 919812345678", "to: 91******5678"),
        ("to +91 98123 45678, please", "to +91******5678, please"),
        ("Malformed access token EAAx", "Malformed access token ***"),
        ("token " + "E" * 200, "token ***"),
        ("a\nb\x00c", "a b c"),
        ("code 131009 of 2026", "code 131009 of 2026"),
        ("x" * 10 + " " + "y " * 400, ("x" * 10 + " " + "y " * 400)[:300]),
    ],
)
def test_details_show_neither_numbers_nor_tokens(text: str, shown: str) -> None:
    assert masked(text) == shown


@settings(deadline=None)
@given(st.text())
def test_masking_takes_any_text(text: str) -> None:
    assert len(masked(text)) <= 300


def test_errors_carry_their_failure_and_survive_pickling() -> None:
    refused = Rejected(classify(130429), "for +919812345678", 130429, 400, "Atrace", 3.0)
    for error in (NotSent(errors.NOT_SENT, "x"), Unanswered(errors.NO_ANSWER), refused):
        again = pickle.loads(pickle.dumps(error))  # noqa: S301
        assert vars(again) == vars(error)
        assert str(again) == str(error)
    assert str(refused) == "throughput_exceeded: for +91******5678 (code 130429, trace Atrace)"
