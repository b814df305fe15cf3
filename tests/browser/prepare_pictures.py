"""Run inside a house's environment: a week of mornings and a day that begins, to be looked at."""

from __future__ import annotations

import sys
from datetime import date, datetime, timedelta

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.utils import timezone  # noqa: E402

from config.demo import preparation  # noqa: E402
from config.demo.journal_verdict import SandboxClient  # noqa: E402
from distribution.content import approval  # noqa: E402
from distribution.lifecycle import schedule  # noqa: E402
from distribution.mirror import template_sync  # noqa: E402
from distribution.models import (  # noqa: E402
    BlackoutDate,
    Content,
    Distribution,
    DistributionState,
    Kind,
    MessageTemplate,
)
from distribution.runtime import india_time  # noqa: E402
from phonepool.cloud_api import client  # noqa: E402
from phonepool.models import PhoneNumber  # noqa: E402
from subscribers.importing import jobs  # noqa: E402

PEOPLE = 2000
RATE = 40  # messages a second of each number, for a board in the middle of its work
REFUSED, NOT_ON_WHATSAPP = range(100, 106), range(200, 203)  # places in the list
SHARES = (0.997, 0.994, 0.999, 0.986, 0.998, 0.996)  # the last six mornings
COMING = ("Budget day: what changes for you", "Results week begins", "Three funds to look at")
A_LIST = b"""Mobile Number,Name,Plan,Language,City
9811111111,Meera Iyer,PRO,en,Pune
9822222222,Kabir Shah,BASIC,hi,Surat
98765,Too Short,PRO,en,Pune
9.19812E+11,Excel Was Here,BASIC,en,Delhi
,No Number,BASIC,en,Delhi
"""


def past(day: date, share: float, content: Content) -> None:
    """A morning that is over, as the week's strip shows it."""
    at = schedule.time_on(day, datetime.min.time().replace(hour=6))
    Distribution.objects.create(
        kind=Kind.DAILY,
        local_date=day,
        planned_at=at,
        content=content,
        state=DistributionState.COMPLETED,
        opened_at=at,
        window_end=at + timedelta(hours=1),
        sla_deadline=at + timedelta(minutes=5),
        completed_at=at + timedelta(seconds=40),
        recipients=PEOPLE,
        sla_accepted=1.0,
        sla_delivered=share,
    )


def write(title: str, by: User, **when: object) -> Content:
    template = MessageTemplate.objects.get(name=preparation.TEMPLATE)
    words = ["{name}", f"{title}. Read more on our pages."]
    return approval.write(
        by=by,
        now=timezone.now(),
        title=title,
        message_template=template,
        body_variables=words,
        **when,
    )


now, today = timezone.now(), india_time.local_date(timezone.now())
preparation.set_up_pool(preparation.POOL)
template_sync.sync(client.client(), now=now)
preparation.import_subscribers(PEOPLE, seed=1)
editor, approver = preparation.create_users(sys.argv[1])
fallback = write("Good morning from all of us", editor, is_fallback=True, day=None)
coming = [write(one, editor, day=today + timedelta(days=n)) for n, one in enumerate(COMING, 2)]
for content in (fallback, *coming[:2]):
    approval.submit(content, by=editor, now=now)
approval.approve(fallback, by=approver, now=now)
approval.approve(coming[0], by=approver, now=now)
BlackoutDate.objects.create(day=today + timedelta(days=20), reason="Holiday")
for n, share in enumerate(SHARES, 1):
    past(today - timedelta(days=n), share, fallback)
jobs.submit(A_LIST, "advisers-of-june.csv", by="editor", now=now)
sandbox = SandboxClient(settings.WHATSAPP_API_BASE)
ill = {"to": [f"9198{n:08d}" for n in REFUSED]}
sandbox.post(
    "/control/faults",
    [{"match": ill, "do": "error", "code": 132018, "status": 400, "for_seconds": 3600}],
)
for n in NOT_ON_WHATSAPP:
    sandbox.post(f"/control/recipient/9198{n:08d}", {"outcome": "invalid"})
PhoneNumber.objects.update(rate_per_second=RATE)
Distribution.objects.filter(local_date=today).update(planned_at=timezone.now())
preparation.approve_content(today, editor=editor, approver=approver)  # and the day begins
