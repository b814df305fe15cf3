"""A made-up subscriber list as operations would upload it, a few bad rows included."""

from __future__ import annotations

import csv
import io
import random

FIRST = [
    "Aarav",
    "Asha",
    "Dev",
    "Divya",
    "Farhan",
    "Gauri",
    "Isha",
    "Kabir",
    "Leela",
    "Manoj",
    "Meera",
    "Nikhil",
    "Priya",
    "Ravi",
    "Sana",
]
LAST = [
    "Bose",
    "Das",
    "Gupta",
    "Iyer",
    "Joshi",
    "Khan",
    "Mehta",
    "Nair",
    "Patel",
    "Rao",
    "Reddy",
    "Shah",
    "Sharma",
    "Singh",
    "Verma",
]
TIERS = ("PREMIUM", "PRO", "BASIC")
TIER_SHARES = (15, 35, 50)  # per cent
BAD_ROWS = (
    ("98765", "Too Short", "PRO", "en"),
    ("", "No Number", "BASIC", "en"),
    ("9.19812E+11", "Excel Was Here", "BASIC", "en"),
    ("+91 98100 00000 0000", "Too Long", "PREMIUM", "en"),
)


def make_csv(subscribers: int, *, seed: int) -> bytes:
    """A CSV file with that many good rows and the bad ones among them; the same for a seed."""
    dice = random.Random(seed)  # noqa: S311 - made-up people, not secrets
    rows = [_person(number, dice) for number in range(subscribers)]
    for place, bad in enumerate(BAD_ROWS):
        rows.insert(min(len(rows), 7 * (place + 1)), bad)
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(("Mobile Number", "Name", "Plan", "Language"))
    writer.writerows(rows)
    return file.getvalue().encode()


def _person(number: int, dice: random.Random) -> tuple[str, str, str, str]:
    phone = f"98{number:08d}"
    spelling = dice.choice((phone, f"+91 {phone[:5]} {phone[5:]}", f"0{phone}", f"91-{phone}"))
    name = f"{dice.choice(FIRST)} {dice.choice(LAST)}"
    tier = dice.choices(TIERS, TIER_SHARES)[0]
    return spelling, name, tier, dice.choice(("en", "en", "hi"))
