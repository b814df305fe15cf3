"""`manage.py setup`: what is missing before the first real morning, asked of Meta now."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from config.setup import registry
from config.setup.items import Item, Result
from distribution.mirror import number_import, pool_sync, template_sync
from phonepool.cloud_api import client
from phonepool.exceptions import CloudApiError

MARKS = {Result.OK: "✓", Result.WARNING: "!", Result.FAILS: "✗", Result.NOT_CHECKED: "?"}


class Command(BaseCommand):
    help = "Check the WhatsApp account, the webhook, the phone numbers and the content."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--add-numbers", action="store_true", help="add all numbers that Meta lists, and sync"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["add_numbers"]:
            self._add_numbers()
        items = registry.run(timezone.now()).items
        for item in items:
            self.stdout.write(_line(item))
        missing = registry.left(items)
        if missing:
            names = ", ".join(item.title for item in missing)
            raise CommandError(_("Set-up is not complete: %(names)s.") % {"names": names})
        self.stdout.write(_("Set-up is complete."))

    def _add_numbers(self) -> None:
        api, now = client.client(), timezone.now()
        try:
            listed = number_import.listed(api)
            labels = number_import.add(api, [one.facts.id for one in listed], now=now)
        except CloudApiError as error:
            raise CommandError(f"Meta's list of phone numbers could not be read: {error}") from None
        pool_sync.sync(api, now=now)
        template_sync.sync(api, now=now)
        added = ", ".join(labels)
        self.stdout.write(f"Added {added}." if labels else "No phone numbers to add.")


def _line(item: Item) -> str:
    head = f"{MARKS[item.result]} {item.title}: {item.seen}"
    return f"{head}\n    {item.to_do}" if item.to_do and item.result != Result.OK else head
