"""How the time of every parser and pattern for outside text grows with the text's length.

    python tests/load/growth_bench.py [--size 200000]

For each: the slowest of the hostile texts of 2,000 characters, and then CPU time (minimum of five)
at a tenth of the size and at the size. The exponent says how the time grows over that last decade:
1 is linear, 2 quadratic. Exits with 1 if one is above 1.2 and takes a millisecond or more: below
that, the clock says more about itself than about the parser. What is above is measured once more a
decade higher: a text that outgrows the processor's cache costs one step there, not each decade.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

from tests.load import parsers, patterns  # noqa: E402
from tests.load.cpu_time import cpu_seconds, exponent  # noqa: E402

SCREENED_CHARACTERS = 2_000
SLOWEST = 3  # texts of each that are measured at full size
LIMIT = 1.2
LEAST_SECONDS = 0.001
Texts = Callable[[int], Iterator[str]]


def measure(read: Callable[[str], object], texts: Texts, size: int) -> tuple[float, float, float]:
    """The time at a tenth of the size, at the size, and the exponent: of the worst text."""
    times = [
        (cpu_seconds(lambda text=text: read(text)), place)  # type: ignore[misc]
        for place, text in enumerate(texts(SCREENED_CHARACTERS))
    ]
    worst = (0.0, 0.0, 0.0)
    for _, place in sorted(times, reverse=True)[:SLOWEST]:
        row = _decade(read, texts, size, place)
        if row[2] > LIMIT:
            row = min(row, _decade(read, texts, 10 * size, place), key=lambda found: found[2])
        worst = max(worst, row, key=lambda found: (found[2], found[1]))
    return worst


def _decade(
    read: Callable[[str], object], texts: Texts, size: int, place: int
) -> tuple[float, float, float]:
    """The time at a tenth of the size, at the size, and the exponent: of the text at `place`."""
    small, large = (
        cpu_seconds(lambda text=text: read(text))  # type: ignore[misc]
        for text in (next(islice(texts(length), place, None)) for length in (size // 10, size))
    )
    return small, large, exponent(small, large) if large >= LEAST_SECONDS else 0.0


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--size", type=int, default=200_000)
    size = arguments.parse_args().size
    rows: list[tuple[str, float, float, float]] = []
    for name, parser in parsers.PARSERS.items():
        rows.append((name, *measure(lambda text: parsers.read(parser, text), parsers.texts, size)))  # noqa: B023
        print("| {} | {:.2f} | {:.2f} | {:.2f} |".format(*_in_milliseconds(rows[-1])), flush=True)
    for use in patterns.uses()[0]:
        name = f"`{use}` {use.method}"
        rows.append((name, *measure(use.apply, lambda length: patterns.texts(use, length), size)))  # noqa: B023
        print("| {} | {:.2f} | {:.2f} | {:.2f} |".format(*_in_milliseconds(rows[-1])), flush=True)
    slow = [row for row in rows if row[3] > LIMIT]
    print(
        f"{len(rows)} measured, {len(slow)} above {LIMIT}, worst {max(row[3] for row in rows):.2f}"
    )
    return 1 if slow else 0


def _in_milliseconds(row: tuple[str, float, float, float]) -> tuple[str, float, float, float]:
    return row[0], 1000 * row[1], 1000 * row[2], row[3]


if __name__ == "__main__":
    sys.exit(main())
