"""`manage.py check_integrity`: what the tables promise, and whether they keep it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from distribution.ledger.integrity.check import check_ledger
from distribution.ledger.integrity.rules import RuleResult
from distribution.models import Distribution
from evidence.verifying import Kind, Report, verify
from webhooks.applying import integrity as webhook_integrity


class Command(BaseCommand):
    help = "Check that the tables keep every promise. Exits with an error if one is broken."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--distribution", type=int, metavar="ID", help="only this one")
        parser.add_argument(
            "--newest-evidence",
            type=int,
            metavar="ROWS",
            help="check only the last ROWS of each table of evidence (default: all)",
        )
        parser.add_argument(
            "--thorough", action="store_true", help="also read every stored webhook again (slow)"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        chosen: int | None = options["distribution"]
        if chosen is not None and not Distribution.objects.filter(pk=chosen).exists():
            raise CommandError(f"There is no distribution {chosen}.")
        now = timezone.now()
        results = check_ledger(now=now, distribution_id=chosen)
        if chosen is None:
            results += webhook_integrity.findings(now=now, thorough=options["thorough"])
            reports = verify(newest=options["newest_evidence"])
            results += _evidence(reports)
            if options["verbosity"] > 1:
                for report in reports:
                    self.stdout.write(f"{report.table} {report.rows} {report.digest}")
        for result in results:
            self.stdout.write(_line(result))
        broken = sum(result.broken for result in results)
        if broken:
            raise CommandError(f"{broken} of {len(results)} promises are broken.")
        self.stdout.write(f"All {len(results)} promises hold.")


PROMISES = {
    Kind.ALTERED: "No row of evidence was changed after it was chained.",
    Kind.REMOVED: "No row of evidence was removed.",
    Kind.INSERTED: "No row was inserted between chained rows of evidence.",
    Kind.UNCHAINED: "Each link follows from the previous one, and the last one exists.",
}


def _evidence(reports: list[Report]) -> list[RuleResult]:
    """One line for each kind of fault and table, and one for each kind that was not found."""
    found = [finding for report in reports for finding in report.findings]
    results = [
        RuleResult(
            f"evidence_{finding.kind}",
            PROMISES[finding.kind],
            finding.table,
            finding.count,
            tuple(finding.ids),
        )
        for finding in found
    ]
    whole = set(Kind) - {finding.kind for finding in found}
    return results + [
        RuleResult(f"evidence_{kind}", PROMISES[kind], "row", 0) for kind in Kind if kind in whole
    ]


def _line(result: RuleResult) -> str:
    """One promise: how it stands, its name, how many rows break it, the first of them."""
    standing = "ok"
    if result.count:
        standing = "BROKEN" if result.broken else "check"
    line = f"{standing:<7} {result.rule:<24} {result.count:>7}"
    if not result.count:
        return line
    ids = ", ".join(map(str, result.ids))
    more = ", …" if result.count > len(result.ids) else ""
    return f"{line}  {result.of} {ids}{more}\n{'':8}{result.promise}"
