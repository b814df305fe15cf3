"""Generates a subscriber list as operations would upload it, with a few invalid rows."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

FIRST_NAMES = ("Aarav", "Asha", "Dev", "Divya", "Farhan", "Gauri", "Isha", "Kabir", "Leela", "Ravi")
LAST_NAMES = ("Bose", "Das", "Gupta", "Iyer", "Khan", "Mehta", "Nair", "Patel", "Rao", "Singh")
CITIES = ("Mumbai", "Pune", "Bengaluru", "Chennai", "Hyderabad", "Jaipur", "Kochi", "Indore")
TIERS = ("PREMIUM", "PRO", "BASIC")
TIER_SHARES = (15, 35, 50)  # per cent
ROWS_PER_FILE = 20_000  # the importer takes 200,000 and needs a kilobyte or two for each
ROWS_BETWEEN = 6  # valid ones, between two of the following
INVALID_ROWS = (
    ("98765", "Too Short", "PRO", "en", "Pune"),
    ("", "No Number", "BASIC", "en", "Pune"),
    ("9.19812E+11", "Excel Was Here", "BASIC", "en", "Pune"),
    ("+91 98100 00000 0000", "Too Long", "PREMIUM", "en", "Pune"),
)


def make_files(subscribers: int, *, seed: int) -> Iterator[bytes]:
    """CSV files with `subscribers` valid rows and, in the first, the invalid ones among them; one
    seed always gives the same files."""
    rng = random.Random(seed)  # noqa: S311 - test data, not secrets
    rows = (_row(number, rng) for number in range(subscribers))
    yield from in_files(_with_invalid_rows(rows))


def _with_invalid_rows(rows: Iterator[Sequence[str]]) -> Iterator[Sequence[str]]:
    """Each comes after six valid ones, as long as there are any."""
    for invalid in INVALID_ROWS:
        yield from islice(rows, ROWS_BETWEEN)
        yield invalid
    yield from rows


def in_files(rows: Iterable[Sequence[str]]) -> Iterator[bytes]:
    """These rows as CSV files, none larger than an import takes; one of them in memory."""
    left = iter(rows)
    while some := list(islice(left, ROWS_PER_FILE)):
        yield _csv(some)


def _csv(rows: Iterable[Sequence[str]]) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(("Mobile Number", "Name", "Plan", "Language", "City"))
    writer.writerows(rows)
    return file.getvalue().encode()


def _row(number: int, rng: random.Random) -> tuple[str, str, str, str, str]:
    phone = f"98{number:08d}"
    spelling = rng.choice((phone, f"+91 {phone[:5]} {phone[5:]}", f"0{phone}", f"91-{phone}"))
    name = f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}"
    tier = rng.choices(TIERS, TIER_SHARES)[0]
    city = CITIES[number % len(CITIES)]
    return spelling, name, tier, rng.choice(("en", "en", "hi")), city
