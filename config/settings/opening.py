"""How a distribution's audience is frozen when it opens."""

from __future__ import annotations

from config.settings import environment as env

# People frozen before the first message is sent, and then in each further step, while the first
# are being written to already. A step of 50,000 takes PostgreSQL one to three seconds.
FIRST_SLICE_PEOPLE = env.integer("FIRST_SLICE_PEOPLE", 5_000, low=1, high=1_000_000)
SLICE_PEOPLE = env.integer("SLICE_PEOPLE", 50_000, low=1, high=1_000_000)
