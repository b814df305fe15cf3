"""Single decisions about a subscriber, as the tests of this app and others make them."""

from __future__ import annotations

from functools import partial
from typing import Any

from subscribers.consent.decisions import Decision, Kind, record
from subscribers.models import Subscriber


def decide(kind: Kind, person: Subscriber, *, now: Any, **facts: Any) -> bool:
    """Record the decision; whether the status changed."""
    return bool(record([Decision(person.pk, kind, **facts)], now=now))


opt_out = partial(decide, Kind.OPT_OUT)
opt_in = partial(decide, Kind.OPT_IN)
pause = partial(decide, Kind.PAUSE)
resume = partial(decide, Kind.RESUME)
