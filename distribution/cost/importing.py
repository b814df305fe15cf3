"""Stores the rates of a file: all of it, or nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db import transaction

from distribution.cost import booking, rates
from distribution.cost.rate_file import RateLine
from distribution.models import Rate


@dataclass(slots=True)
class Stored:
    """What became of the lines."""

    added: int = 0
    same: int = 0
    changed: list[str] = field(default_factory=list)  # "India utility from …: 0.115 → 0.12"
    repriced: int = 0  # sums of costs that changed with them


def store(lines: list[RateLine]) -> Stored:
    """Add new rates and correct stored ones; sums of messages that they charged are corrected."""
    done = Stored()
    with transaction.atomic():
        known = {_key(row): row for row in Rate.objects.select_for_update().order_by("pk")}
        for line in lines:
            row = known.get(line.key)
            if row is None:
                Rate.objects.create(**line.columns())
                done.added += 1
            elif row.price == line.price:
                done.same += 1
            else:
                done.changed.append(f"{row}: {row.price.normalize():f} → {line.price}")
                row.price, row.source = line.price, line.source
                row.save(update_fields=["price", "source"])
        if done.changed or done.added:
            done.repriced = booking.reprice(rates.book())
    return done


def _key(row: Rate) -> tuple[object, ...]:
    return (row.prefix, row.category, row.currency, row.valid_from, row.from_n)
