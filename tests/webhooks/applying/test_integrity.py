from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command

from distribution.ledger.integrity.rules import RECOVERY_TIME
from distribution.models import Delivery, Distribution
from tests.builders import an_open_distribution
from tests.webhooks.posts import apply, in_flight, pool_number, status, statuses, store
from webhooks.applying import integrity
from webhooks.models import WebhookEvent

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def broken(now: datetime = NOW) -> dict[str, tuple[int, ...]]:
    found = integrity.findings(now=now, thorough=True)
    return {finding.rule: finding.ids for finding in found if finding.broken}


def reported(*words: str) -> tuple[int, int]:
    """A delivery and the webhook that reported these of it."""
    (_, attempts) = in_flight(now=NOW)
    ((delivery, attempt),) = attempts.items()
    apply(statuses(*[status(word, attempt, at=NOW) for word in words]), now=NOW)
    return delivery, WebhookEvent.objects.get().pk


def test_an_inbox_that_is_applied_keeps_its_promises():
    reported("sent", "delivered", "read")
    assert broken(NOW + RECOVERY_TIME * 100) == {}


def test_what_waits_in_the_inbox_is_seen_after_a_minute():
    (waiting,) = store(statuses(), at=NOW)

    assert broken(NOW + RECOVERY_TIME) == {}
    assert broken(NOW + RECOVERY_TIME + SECOND) == {"inbox_is_read": (waiting,)}


def test_an_orphan_whose_time_has_come_is_seen_after_a_minute():
    pool_number()
    apply(statuses(status("sent", None, at=NOW)), now=NOW)
    orphan = WebhookEvent.objects.get()
    assert orphan.again_at is not None

    assert broken(orphan.again_at + RECOVERY_TIME) == {}
    late = orphan.again_at + RECOVERY_TIME + SECOND
    assert broken(late) == {"orphans_are_looked_at": (orphan.pk,)}


def test_a_dead_letter_is_shown_and_breaks_no_promise():
    apply(b"no JSON", now=NOW)

    assert broken(NOW + RECOVERY_TIME * 2) == {}
    (dead,) = [one for one in integrity.findings(now=NOW) if one.count]
    assert (dead.rule, dead.ids) == ("dead_letters", (WebhookEvent.objects.get().pk,))


@pytest.mark.parametrize(
    ("word", "lost"),
    [
        ("sent", {"progress": 0}),
        ("delivered", {"progress": 1}),
        ("read", {"progress": 2}),
        ("failed", {"failed_at": None}),
        ("failed", {"failed_at": NOW + SECOND}),
    ],
)
def test_a_report_that_the_ledger_lost_is_seen(word, lost):
    delivery, webhook = reported(word)
    assert broken() == {}

    Delivery.objects.filter(pk=delivery).update(**lost)
    assert broken() == {"every_report_is_heard": (webhook,)}


def test_a_report_by_message_id_that_the_ledger_lost_is_seen():
    delivery, _ = reported("sent")
    apply(statuses(status("read", None, at=NOW)), now=NOW)
    assert broken() == {}

    Delivery.objects.filter(pk=delivery).update(progress=1)
    assert broken() == {"every_report_is_heard": (WebhookEvent.objects.last().pk,)}


def test_a_report_that_is_nobodys_must_have_been_counted_so():
    _, webhook = reported("sent")
    apply(statuses(status("read", "daybreak:999.1.a", at=NOW)), now=NOW)
    assert broken() == {}

    WebhookEvent.objects.update(unmatched=0)
    assert broken() == {"every_report_is_heard": (webhook + 1,)}


def test_reports_by_numbers_of_others_are_none_of_ours():
    in_flight(now=NOW)
    apply(statuses(status("read", "daybreak:999.1.a", at=NOW), number="999"), now=NOW)

    assert broken() == {}


# --- the command --------------------------------------------------------------------------------


def test_the_command_says_that_all_is_well(capsys):
    an_open_distribution(1)
    call_command("check_integrity", "--thorough")

    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"All {len(lines) - 1} promises hold."
    assert {line.split()[0] for line in lines[:-1]} == {"ok"}
    assert {"audience_is_whole", "inbox_is_read", "every_report_is_heard"} <= {
        line.split()[1] for line in lines[:-1]
    }


def test_the_command_fails_and_names_what_is_broken(capsys):
    distribution = an_open_distribution(1)
    Distribution.objects.update(recipients=2)

    with pytest.raises(CommandError, match=r"^1 of \d+ promises are broken\.$"):
        call_command("check_integrity", distribution=distribution.pk)

    (line,) = [line for line in capsys.readouterr().out.splitlines() if "BROKEN" in line]
    assert line.split() == [
        "BROKEN",
        "audience_is_whole",
        "1",
        "distribution",
        str(distribution.pk),
    ]


def test_the_command_knows_which_distributions_there_are():
    with pytest.raises(CommandError, match=r"^There is no distribution 7\.$"):
        call_command("check_integrity", distribution=7)
