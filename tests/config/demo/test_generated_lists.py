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


@pytest.mark.parametrize("option", ["--rate", "--subscribers"])
def test_a_negative_number_is_refused(option):
    with pytest.raises(CommandError, match=f"{option} must be 0 or more"):
        call_command("demo", option, "-1")
