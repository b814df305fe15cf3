"""`manage.py replay_webhooks [ID…]`: dead letters once more, and what becomes of them."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from webhooks.applying import dead_letters, inbox
from webhooks.models import WebhookEvent


class Command(BaseCommand):
    help = "Retry webhooks that were given up: those with the given ids, or --all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("ids", nargs="*", type=int, metavar="ID")
        parser.add_argument("--all", action="store_true", help="every dead letter")

    def handle(self, *_: Any, **options: Any) -> None:
        ids: list[int] = options["ids"]
        if bool(ids) == options["all"]:
            raise CommandError("Give the ids of the webhooks, or --all.")
        pks = list(WebhookEvent.objects.dead().values_list("pk", flat=True))
        if ids:
            pks = sorted(set(pks) & set(ids))
        revived = dead_letters.reprocess(pks, now=timezone.now())
        self._apply(pks)
        rows = WebhookEvent.objects.filter(pk__in=pks)
        applied = rows.exclude(processed_at=None).count()
        self.stdout.write(f"{revived} tried again, {applied} applied.")
        for pk, error in rows.filter(processed_at=None).values_list("pk", "error"):
            lines = error.strip().splitlines()
            self.stdout.write(
                f"webhook {pk}: {lines[-1] if lines else 'waiting for the next drain'}"
            )

    def _apply(self, pks: list[int]) -> None:
        """Drain until these were tried, or nothing moves any more; others may drain meanwhile."""
        waiting = WebhookEvent.objects.pending().filter(pk__in=pks, tries=0)
        while waiting.exists():
            before = waiting.count()
            drained = inbox.drain(now=timezone.now())
            if not drained.more and waiting.count() == before:
                return
