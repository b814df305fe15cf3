"""Run inside a house's environment: the evening before, so that the morning may come."""

from __future__ import annotations

import sys

import django

django.setup()

from django.utils import timezone  # noqa: E402

from config.demo import logins, preparation  # noqa: E402
from distribution.runtime import india_time  # noqa: E402

preparation.import_subscribers(int(sys.argv[1]), seed=1)
preparation.set_up_pool(preparation.POOL)
people = logins.create("not needed here")
preparation.approve_content(
    india_time.local_date(timezone.now()), editor=people["editor"], approver=people["approver"]
)
