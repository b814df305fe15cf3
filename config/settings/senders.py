"""How processes that send share the phone numbers: docs/adr/0019."""

from __future__ import annotations

from config.settings import environment as env

# A phone number belongs to one process for so long after it last reserved slots; the numbers of a
# process that died or hangs go to the others after it, and about a second more.
NUMBER_LEASE_SECONDS = env.decimal("NUMBER_LEASE_SECONDS", 5, low=0.5, high=60)
# With more processes than numbers, one that waits takes a number over after so long.
NUMBER_TURN_SECONDS = env.decimal("NUMBER_TURN_SECONDS", 30, low=1, high=600)
