"""Run inside a house's environment: the demo's weeks, and a day that starts, to be looked at."""

from __future__ import annotations

import sys

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.utils import timezone  # noqa: E402

from config.demo import logins, past_mornings, preparation, showcase  # noqa: E402
from config.demo.journal_verdict import SandboxClient  # noqa: E402
from config.setup import registry  # noqa: E402
from distribution.mirror import template_sync  # noqa: E402
from distribution.models import Distribution  # noqa: E402
from distribution.runtime import india_time  # noqa: E402
from phonepool.cloud_api import client  # noqa: E402
from phonepool.models import PhoneNumber  # noqa: E402

PEOPLE = 2000
RATE = 40  # messages per second of each number, for a board in the middle of its work
REFUSED, NOT_ON_WHATSAPP = range(100, 106), range(200, 203)  # places in the list

now = timezone.now()
today = india_time.local_date(now)
sandbox = SandboxClient(settings.WHATSAPP_API_BASE)
preparation.set_up_pool(preparation.POOL)
preparation.write_template(sandbox)
template_sync.sync(client.client(), now=now)
preparation.import_subscribers(PEOPLE, seed=1, agreed_at=now - showcase.AGREED)
people = logins.create(sys.argv[1])
editor, approver = people["editor"], people["approver"]
past_mornings.record(today=today, editor=editor, approver=approver, seed=1)
showcase.imports(now=now)
ill = {"to": [f"9198{n:08d}" for n in REFUSED]}
sandbox.post(
    "/control/faults",
    [{"match": ill, "do": "error", "code": 132018, "status": 400, "for_seconds": 3600}],
)
for n in NOT_ON_WHATSAPP:
    sandbox.post(f"/control/recipient/9198{n:08d}", {"outcome": "invalid"})
PhoneNumber.objects.update(rate_per_second=RATE)
Distribution.objects.filter(local_date=today).update(planned_at=timezone.now())
preparation.approve_content(today, editor=editor, approver=approver)  # and the day starts
showcase.days_ahead(editor, approver, now=now)  # with a fallback, which would start it before
showcase.schedule_ahead(people["administrator"], now=now)
registry.run(timezone.now())  # the home page says what is left
