"""What the application does in a day, in one process, with the rights that its role has.

Run by `test_database_roles.py`; its environment says which database and which role.
"""

from __future__ import annotations

import json
import sys

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
from django.utils import timezone

from distribution.engine import tick
from distribution.models import Delivery, Kind
from evidence import erasing
from evidence.linking import link_all
from subscribers.models import ConsentEvent, Subscriber
from tests.builders import a_user, an_open_distribution
from tests.distribution.batches import send
from tests.fakes import FakeCloudApi


def work() -> None:
    now = timezone.now()
    distribution = an_open_distribution(5, now=now, kind=Kind.DAILY)  # the tick opens no other
    send(distribution, FakeCloudApi(now))
    tick.check(now)
    person = Subscriber.objects.first()
    assert person is not None
    event = person.consent_events.create(
        kind=ConsentEvent.Kind.OPT_OUT, source="whatsapp:STOP", evidence="wamid.1", at=now
    )
    LogEntry.objects.create(user=a_user(), object_repr="x", action_flag=CHANGE)
    session = SessionStore()
    session["seen"] = True
    session.save()
    session.delete()
    linked = link_all()
    erasing.erase("subscribers.ConsentEvent", [event.pk])
    call_command("refresh_statistics", stdout=sys.stderr)
    call_command("check_integrity", stdout=sys.stderr)
    told = {"states": Delivery.objects.count_by_state(), "linked": linked}
    sys.stdout.write(json.dumps(told, default=str))
