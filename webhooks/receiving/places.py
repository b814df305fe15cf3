"""How many webhooks may wait for the database at once: Meta's calls must not hold all threads.

Storing takes milliseconds, however many come. When the database does not answer, Meta's calls,
which come again and again, find others that wait long and are refused at once. Nothing is lost.
Those who wait for others to be stored hold a place, too (`gathering.py`).
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from distribution.runtime.background import PerProcess
from distribution.runtime.places import Limit, Places, at_most

# Prometheus, whose page is to be there within a second, may have come behind those who wait for a
# place.
LIMIT = Limit(places=at_most(), long_seconds=0.5)

_places = PerProcess(lambda: Places(LIMIT))


def take() -> AbstractContextManager[None]:
    """A place of this process while the `with` block stores a webhook, or Full."""
    return _places.get().take()
