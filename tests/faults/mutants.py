"""A house with a fault of our own making: retry on a timeout, as most senders do.

`DJANGO_SETTINGS_MODULE=tests.faults.mutants` gives the house's processes the project's settings
and the mutant; the suite must then see people who were written to twice.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

from django.apps import AppConfig

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS as OURS

INSTALLED_APPS = [*OURS, "tests.faults.mutants.RetryOnTimeout"]
RETRY_ON_TIMEOUT = "tests.faults.mutants"


class RetryOnTimeout(AppConfig):
    """No answer counts as a refusal: it is simply sent again."""

    name = "tests.faults"
    label = "mutants"

    def ready(self) -> None:
        from dataclasses import replace

        from distribution.models import State
        from distribution.sending import retry_policy

        right = retry_policy.settlement

        def wrong(attempt: Any, outcome: Any, **facts: Any) -> Any:
            made = right(attempt, outcome, **facts)
            if made.state is not State.UNKNOWN:
                return made
            again = outcome.ended_at + timedelta(seconds=0.1)
            return replace(made, state=State.RETRY_WAIT, next_at=again)

        retry_policy.settlement = wrong
        sys.stderr.write("mutant: retry on timeout\n")
