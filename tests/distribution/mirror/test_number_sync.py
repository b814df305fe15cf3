from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest

from distribution.mirror import number_sync, numbers
from phonepool.cloud_api.client import PhoneNumberFacts
from phonepool.errors import NO_ANSWER
from phonepool.exceptions import Unanswered
from phonepool.models import NumberState, PhoneNumber, Quality
from tests.builders import a_number, a_waba

NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)


class Meta:
    """What Meta would say of each number; one it cannot be asked about raises."""

    def __init__(self) -> None:
        self.words: dict[str, tuple[str, str]] = {}
        self.lists: dict[str, list[str]] = {}  # the numbers of each account
        self.calls: list[str] = []

    def phone_numbers(self, account: str) -> list[PhoneNumberFacts]:
        self.calls.append(account)
        if account not in self.lists:
            raise Unanswered(NO_ANSWER)
        return [PhoneNumberFacts(meta_id, *self.words[meta_id]) for meta_id in self.lists[account]]

    def phone_number(self, meta_id: str) -> PhoneNumberFacts:
        self.calls.append(meta_id)
        if meta_id not in self.words:
            raise Unanswered(NO_ANSWER)
        status, rating = self.words[meta_id]
        return PhoneNumberFacts(meta_id, status, rating)


@pytest.fixture
def meta(db) -> Meta:
    return Meta()


def seen(number: PhoneNumber) -> tuple[str, str]:
    number.refresh_from_db()
    return number.state, number.quality


@pytest.mark.parametrize(
    ("status", "rating", "quality"),
    [
        ("CONNECTED", "GREEN", Quality.HIGH),
        ("connected", "yellow", Quality.MEDIUM),
        ("CONNECTED", "RED", Quality.LOW),
        ("CONNECTED", "UNKNOWN", Quality.UNKNOWN),
        ("CONNECTED", "NA", Quality.UNKNOWN),
        ("", "GREEN", Quality.HIGH),  # Meta leaves fields out at times
        ("SOMETHING_NEW", "GREEN", Quality.HIGH),
        ("FLAGGED", "GREEN", Quality.FLAGGED),
        ("RESTRICTED", "YELLOW", Quality.FLAGGED),
        ("BANNED", "", Quality.FLAGGED),
        ("DISCONNECTED", "GREEN", Quality.FLAGGED),
        ("DELETED", "GREEN", Quality.FLAGGED),
        ("RATE_LIMITED", "GREEN", Quality.FLAGGED),
        ("PENDING", "UNKNOWN", Quality.FLAGGED),
        ("MIGRATED", "GREEN", Quality.FLAGGED),
        ("UNVERIFIED", "GREEN", Quality.FLAGGED),
    ],
)
def test_metas_words_become_ours(status, rating, quality):
    assert numbers.quality_of(status, rating) == quality


def test_what_changed_at_meta_changes_here(meta):
    good, fallen, flagged = a_number(), a_number(), a_number()
    meta.words = {
        good.meta_id: ("CONNECTED", "GREEN"),
        fallen.meta_id: ("CONNECTED", "RED"),
        flagged.meta_id: ("FLAGGED", "RED"),
    }

    assert number_sync.sync(meta, now=NOW) == 2
    assert number_sync.sync(meta, now=NOW) == 0

    assert [seen(number) for number in (good, fallen, flagged)] == [
        (NumberState.ACTIVE, Quality.HIGH),
        (NumberState.ACTIVE, Quality.LOW),
        (NumberState.DISABLED, Quality.FLAGGED),
    ]


def test_a_mended_number_comes_back_by_itself(meta):
    number = a_number()
    meta.words[number.meta_id] = ("RESTRICTED", "RED")
    number_sync.sync(meta, now=NOW)

    meta.words[number.meta_id] = ("CONNECTED", "YELLOW")
    number_sync.sync(meta, now=NOW)

    assert seen(number) == (NumberState.ACTIVE, Quality.MEDIUM)


def test_a_number_that_cannot_be_read_keeps_its_state_and_holds_up_nobody(meta, caplog):
    silent, fallen = a_number(), a_number()
    meta.words[fallen.meta_id] = ("CONNECTED", "RED")

    with caplog.at_level(logging.WARNING):
        assert number_sync.sync(meta, now=NOW) == 1

    assert seen(silent) == (NumberState.ACTIVE, Quality.HIGH)
    assert f"phone number {silent.label} could not be read" in caplog.text


def test_when_meta_was_heard_of_is_kept_for_each_number(meta):
    heard, silent = a_number(), a_number()
    meta.words = {heard.meta_id: ("CONNECTED", "GREEN")}

    number_sync.sync(meta, now=NOW)

    heard.refresh_from_db()
    silent.refresh_from_db()
    assert (heard.seen_at, silent.seen_at) == (NOW, None)


def test_the_numbers_of_an_account_are_read_in_one_call(meta):
    waba = a_waba()
    many = [a_number() for _ in range(20)]
    meta.words = {number.meta_id: ("CONNECTED", "RED") for number in many}
    meta.lists = {waba.meta_id: [number.meta_id for number in many]}

    assert number_sync.sync(meta, now=NOW) == 20
    assert meta.calls == [waba.meta_id]


def test_a_number_that_no_list_has_and_those_of_an_unreadable_list_are_read_singly(meta, caplog):
    listed, unreadable = a_waba(), a_waba()
    one, gone, other = a_number(waba=listed), a_number(waba=listed), a_number(waba=unreadable)
    meta.words = {number.meta_id: ("CONNECTED", "RED") for number in (one, other)}
    meta.lists = {listed.meta_id: [one.meta_id]}

    assert number_sync.sync(meta, now=NOW) == 2
    assert sorted(meta.calls[2:]) == sorted([gone.meta_id, other.meta_id])
    assert f"of account {unreadable.meta_id} could not be listed" in caplog.text


def test_a_number_belongs_to_the_account_that_lists_it(meta):
    """Two accounts in one portfolio: nothing else tells whose a number is."""
    first, second = a_waba(), a_waba()
    one, other, unknown = a_number(), a_number(), a_number()
    meta.words = {number.meta_id: ("CONNECTED", "GREEN") for number in (one, other, unknown)}
    meta.lists = {first.meta_id: [one.meta_id], second.meta_id: [other.meta_id]}

    number_sync.sync(meta, now=NOW)

    owners = [PhoneNumber.objects.get(pk=number.pk).waba for number in (one, other, unknown)]
    assert owners == [first, second, None]
