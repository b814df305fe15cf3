from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from config.demo import preparation, subscriber_list


def rows(content: bytes) -> list[str]:
    return content.decode().splitlines()


def test_a_list_that_one_import_would_refuse_comes_in_several_files(monkeypatch):
    monkeypatch.setattr(subscriber_list, "ROWS_PER_FILE", 40)
    (whole,) = subscriber_list.make_files(20, seed=1)

    files = [rows(content) for content in subscriber_list.make_files(100, seed=1)]

    assert [len(file) - 1 for file in files] == [40, 40, 100 + 4 - 80]
    assert {file[0] for file in files} == {rows(whole)[0]}
    assert len({row for file in files for row in file[1:]}) == 104


def test_the_same_seed_gives_the_same_list():
    assert [*subscriber_list.make_files(50, seed=7)] == [*subscriber_list.make_files(50, seed=7)]


def test_a_rate_replaces_that_of_every_number_and_its_limit_a_day():
    numbers = preparation.pool_at(1000)

    assert {number.rate for number in numbers} == {1000}
    assert min(number.capacity for number in numbers) >= 1_000_000
    assert preparation.pool_at(0) == preparation.POOL


def test_so_many_numbers_are_primaries_of_their_own():
    numbers = preparation.pool_at(400, 12)

    assert [number.label for number in numbers][::11] == ["primary_1", "primary_12"]
    assert len({number.meta_id for number in numbers} | {n.display for n in numbers}) == 24
    assert {(number.rate, number.role) for number in numbers} == {(400, "PRIMARY")}
    assert [number.rate for number in preparation.pool_at(0, 2)] == [80, 80]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--numbers", "-1"], "--numbers must be between 1 and 500."),
        (["--numbers", "501"], "--numbers must be between 1 and 500."),
        (["--rate", "1001"], "--rate must be at most 1,000: Meta allows no number more."),
        (["--numbers", "1", "--scenario", "number_lost"], "needs at least two numbers"),
    ],
)
def test_a_pool_that_cannot_be_is_refused(arguments, sentence):
    with pytest.raises(CommandError, match=sentence):
        call_command("demo", *arguments)


@pytest.mark.parametrize("option", ["--rate", "--subscribers"])
def test_a_negative_number_is_refused(option):
    with pytest.raises(CommandError, match=f"{option} must be 0 or more"):
        call_command("demo", option, "-1")
