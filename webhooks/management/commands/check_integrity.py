"""`manage.py check_integrity`: what the tables promise, and whether they keep it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from distribution.ledger import integrity as ledger_integrity
from distribution.ledger.integrity import Finding
from distribution.models import Distribution
from webhooks.applying import integrity as webhook_integrity


class Command(BaseCommand):
    help = "Ask every promise of our own tables whether it holds; fails when one does not."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--distribution", type=int, metavar="ID", help="only this one")
        parser.add_argument(
            "--thorough", action="store_true", help="also read every stored webhook again: slow"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        chosen: int | None = options["distribution"]
        if chosen is not None and not Distribution.objects.filter(pk=chosen).exists():
            raise CommandError(f"There is no distribution {chosen}.")
        now = timezone.now()
        found = ledger_integrity.findings(now=now, distribution_id=chosen)
        if chosen is None:
            found += webhook_integrity.findings(now=now, thorough=options["thorough"])
        for finding in found:
            self.stdout.write(_line(finding))
        broken = sum(finding.broken for finding in found)
        if broken:
            raise CommandError(f"{broken} of {len(found)} promises are broken.")
        self.stdout.write(f"All {len(found)} promises hold.")


def _line(finding: Finding) -> str:
    """One promise: how it stands, its name, how many rows break it, the first of them."""
    standing = "ok"
    if finding.count:
        standing = "BROKEN" if finding.broken else "look"
    line = f"{standing:<7} {finding.rule:<24} {finding.count:>7}"
    if not finding.count:
        return line
    ids = ", ".join(map(str, finding.ids))
    more = ", …" if finding.count > len(finding.ids) else ""
    return f"{line}  {finding.of} {ids}{more}\n{'':8}{finding.promise}"
