"""A distribution with every kind of outcome is recorded; replayed, everybody ends the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.utils import timezone

from config.demo import preparation, recorded, replaying
from config.demo.journal_verdict import SandboxClient
from config.demo.recorded import Recorded
from distribution.models import Content, Distribution, MessageTemplate
from distribution.records import bundle, making, signing
from phonepool.cloud_api import client
from phonepool.models import NumberState, PhoneNumber
from subscribers.models import Status, Subscriber
from tests.builders import a_number, a_subscriber, an_approved_content, an_open_distribution
from tests.flows.test_general_failures import Morning, sync_templates
from tests.sandbox.harness import ONE, SECRET, TOKEN, TWO, WABA, Receiver, SandboxProcess, start

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
PEOPLE = 30
Connect = Callable[..., SandboxProcess]
# By person: what the sandbox does to each call, or to the message it accepted.
FAULTS = {
    0: {"do": "error", "code": 131016, "times": 2},
    1: {"do": "error", "code": 131026},
    2: {"do": "accept_then_reset"},
    3: {"do": "reset_before_read", "times": 9},
    4: {"do": "late_failure", "code": 131000},
    5: {"do": "error", "code": 131031, "details": "Two-step verification PIN mismatch."},
    6: {"do": "accept_but_error", "code": 131000},
    7: {"do": "http", "status": 502},
    8: {"do": "late_failure", "code": 131000, "times": 2},
}
OUTCOMES = dict(
    enumerate(
        ("read", "read_only", "never", "silent", "invalid", "capped", "failed_after_delivered"), 10
    )
)
OPTED_OUT = 29


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver().begin()
    yield receiver
    client.client().close()
    receiver.end()


@pytest.fixture
def connect(settings, receiver) -> Iterator[Connect]:
    """Starts a sandbox that the product talks to from then on."""
    begun = []

    def connect(*more: str) -> SandboxProcess:
        begun.append(start("--webhook-url", receiver.url, *more))
        settings.WHATSAPP_API_BASE = begun[-1].url
        return begun[-1]

    settings.WHATSAPP_ACCESS_TOKEN, settings.WHATSAPP_APP_SECRETS = TOKEN, [SECRET]
    settings.WHATSAPP_BUSINESS_ID = WABA
    settings.RETRY_DELAYS_SECONDS = (0.1, 0.1, 0.1)
    yield connect
    for meta in begun:
        meta.stop()


def run(meta: SandboxProcess, receiver: Receiver) -> Distribution:
    """Sends to every active subscriber, until the window is over and all reports are applied."""
    opened = an_open_distribution(content=Content.objects.get())
    morning = Morning(meta, receiver, opened, len(receiver.posts))
    Subscriber.objects.filter(name=f"Person {OPTED_OUT}").update(status=Status.UNSUBSCRIBED)
    morning.until(lambda: morning.is_settled() and not meta.stats()["webhooks"]["pending"])
    now = timezone.now()
    Distribution.objects.filter(pk=morning.distribution.pk).update(window_end=now, sla_deadline=now)
    morning.until(lambda: morning.now.state == "COMPLETED")
    morning.take_webhooks()
    return morning.now


def saved(distribution: Distribution, path: Path) -> Recorded:
    record = making.make(distribution, signing.load(), now=timezone.now())
    assert record is not None
    path.write_bytes(b"".join(bundle.read(record)))
    return recorded.read(path)


def test_a_replayed_distribution_ends_in_the_same_states(settings, receiver, connect, tmp_path):
    settings.RECORD_KEY_FILE = str(tmp_path / "key.pem")
    meta = connect()
    sync_templates()
    for label, meta_id in (("first", ONE), ("second", TWO)):
        a_number(meta_id=meta_id, label=label, rate_per_second=200)
    template = MessageTemplate.objects.get(name="daily_update")
    an_approved_content(message_template=template, day=None, is_fallback=True)
    for person in range(PEOPLE):
        a_subscriber(phone=f"+9178{person:08}", name=f"Person {person}")
    faults = [{"match": {"to": f"9178{no:08}"}, **fault} for no, fault in FAULTS.items()]
    meta.control("POST", "faults", faults)
    for no, outcome in OUTCOMES.items():
        meta.control("POST", f"recipient/9178{no:08}", {"outcome": outcome})
    first = run(meta, receiver)
    endings = set(first.deliveries.values_list("state", "reason", "progress"))
    assert {state for state, _, _ in endings} == {"ACCEPTED", "FAILED", "UNCONFIRMED", "SKIPPED"}
    assert {progress for _, _, progress in endings} == {0, 1, 2, 3}
    record = saved(first, tmp_path / "record.zip")
    assert record.numbers == {"first", "second"}

    Subscriber.objects.update(status=Status.PAUSED)
    PhoneNumber.objects.update(state=NumberState.ACTIVE, state_reason="")
    meta = connect("--replay", str(record.path))
    sandbox = SandboxClient(meta.url)
    preparation.import_rows(replaying.rows(record, sandbox))
    people = replaying.people_of(sandbox)
    assert sandbox.left_out() == {"no call was made": 1}
    assert len(people) == PEOPLE - 1
    second = run(meta, receiver)

    assert replaying.compare(record, people, second) == []
    assert "all 29 people agree" in replaying.verdict(people, [])
    assert meta.control("GET", "replay")["waiting"] <= 1  # the call for the other number
    other = record.endings[1] = replace_reason(record, 1)
    (difference,) = replaying.compare(record, people, second)
    assert difference.recorded == other
    said = replaying.verdict(people, [difference])
    assert "1 of 29 people did not end as recorded" in said
    assert "person 1: recorded FAILED (blocked), progress 0; now FAILED (undeliverable)" in said
    record.endings[PEOPLE] = other  # somebody who was not sent to
    _, absent = replaying.compare(record, [*people, PEOPLE], second)
    assert str(absent).endswith("now not among the recipients")


def replace_reason(record: Recorded, person: int) -> recorded.Ending:
    return record.endings[person]._replace(reason="blocked")
