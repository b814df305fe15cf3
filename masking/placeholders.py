"""What stands in the place of a value of which nothing may be shown."""

from __future__ import annotations

SECRET = "***"  # noqa: S105 - tokens, passwords, signatures
PERSONAL = "…"  # names, addresses, messages of people
