"""`manage.py create_token crm --user asha --scope read --scope subscribers --days 365`"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from distribution.access import tokens
from distribution.models import Scope


class Command(BaseCommand):
    help = "Create a token for a program that uses the API. Its key is shown once, on stdout."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="a name for the program, such as crm or portal")
        parser.add_argument(
            "--user", required=True, help="the owner in whose name it acts: a username"
        )
        parser.add_argument("--by", help="who creates it: a username (default: the owner)")
        parser.add_argument(
            "--scope", action="append", required=True, choices=Scope.values, dest="scopes"
        )
        parser.add_argument(
            "--days", type=int, default=365, help="days until it expires; 0: never (default: 365)"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        user = _staff(options["user"])
        by = _staff(options["by"]) if options["by"] else user
        now = timezone.now()
        days = options["days"]
        try:
            token, key = tokens.issue(
                options["name"],
                options["scopes"],
                user=user,
                by=by,
                expires_at=now + timedelta(days=days) if days else None,
                now=now,
            )
        except tokens.TokenError as error:
            raise CommandError(str(error)) from None
        until = f"until {token.expires_at:%d %b %Y}" if token.expires_at else "no expiry"
        self.stderr.write(f"{token}, scopes {', '.join(token.scopes)}, {until}.")
        self.stderr.write("Copy the key now. It is not shown again.")
        self.stdout.write(key)


def _staff(name: str) -> User:
    user = User.objects.filter(username=name, is_active=True, is_staff=True).first()
    if user is None:
        raise CommandError(f"There is no active user {name} of the staff.")
    return user
