"""How often Python looks for garbage in a process that runs for days.

By default it goes through everything young after 700 new objects, and each time that grew by a
quarter through all there is: modules, models and their fields, half a million objects that stay.
That took a fifth of the CPU of applying reports. Reference counting frees nearly everything
anyway.
"""

from __future__ import annotations

import gc

# New objects before a look at these, such looks before one at those that outlived one, and those
# before one at all: after two million at the latest, so that what is left lying around stays small.
THRESHOLDS = (20_000, 10, 10)


def collect_seldom() -> None:
    """To be called once everything is loaded: what there is now is never looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
