"""From an alert to each kind of channel, on real sockets."""

from __future__ import annotations

from datetime import time, timedelta

import pytest
from django.core import mail as outbox

from distribution.alert_channels import delivery
from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.models import Alert, AlertChannel, Notification, Severity
from tests.distribution.sinks import ACKNOWLEDGED, RESOLVED, TRIGGERED, a_channel, a_route

pytestmark = pytest.mark.django_db
NO_NUMBER, CAPACITY = AlertRule.NO_NUMBER, AlertRule.CAPACITY_SHORT
KEY_OF_1 = "daybreak/pune/no_number/distribution 1"


def raised(clock, rule=NO_NUMBER, about=1, **more) -> Alert:
    incidents.raise_alert(rule, about, message="None can send.", now=clock.now, **more)
    return Alert.objects.filter(rule=rule).latest("pk")


def test_pagerduty_gets_one_incident_from_its_opening_to_its_end(pagerduty, clock):
    a_route(a_channel("Oncall", "pagerduty"))
    alert = raised(clock)
    assert delivery.deliver_due(clock) == 1
    assert pagerduty.incidents == [(KEY_OF_1, TRIGGERED)]
    payload = pagerduty.events[0]["payload"]
    assert payload["summary"] == "Critical: No number. None can send."
    assert (payload["severity"], payload["source"]) == ("critical", "pune")
    assert NO_NUMBER.remedy in payload["custom_details"]["what"]
    alert.refresh_from_db()
    assert alert.notified_at == clock.now

    incidents.acknowledge([alert.pk], by=None, via="a link", now=clock.later(9))
    delivery.deliver_due(clock)
    assert pagerduty.incidents == [(KEY_OF_1, ACKNOWLEDGED)]

    incidents.close_alert(NO_NUMBER, 1, now=clock.later(1))
    assert delivery.deliver_due(clock) == 0  # it may open again
    assert raised(clock, about=1).again
    delivery.deliver_due(clock)
    assert pagerduty.incidents == [(KEY_OF_1, ACKNOWLEDGED)]  # the same one
    assert pagerduty.events[-1]["payload"]["summary"].startswith("Again: Critical: No number")

    incidents.close_alert(NO_NUMBER, 1, now=clock.later(60))
    clock.later(16)
    delivery.deliver_due(clock)
    assert pagerduty.incidents == [(KEY_OF_1, RESOLVED)]
    assert [event["event_action"] for event in pagerduty.events] == [
        *("trigger", "acknowledge", "trigger", "resolve")
    ]


def test_two_installations_share_a_service_of_pagerduty(pagerduty, settings, clock):
    """The same rule about the same row of each: two incidents, each ended by its own only."""
    a_route(a_channel("Oncall", "pagerduty"))
    for name in ("pune", "surat"):
        settings.INSTALLATION_NAME = name
        raised(clock)
        delivery.deliver_due(clock)
        # The other one has a table of its own.
        Alert.objects.filter(scope="distribution 1").update(scope=f"distribution 1 of {name}")
    keys = [key for key, _ in pagerduty.incidents]
    assert keys == [KEY_OF_1, KEY_OF_1.replace("pune", "surat")]
    assert [event["payload"]["source"] for event in pagerduty.events] == ["pune", "surat"]

    Alert.objects.filter(scope="distribution 1 of surat").update(scope="distribution 1")
    incidents.close_alert(NO_NUMBER, 1, now=clock.later(60))
    clock.later(16)
    delivery.deliver_due(clock)
    assert list(pagerduty.open()) == [KEY_OF_1]


def test_pagerduty_is_asked_again_after_429_and_never_after_400(pagerduty, clock):
    channel = a_channel("Oncall", "pagerduty")
    a_route(channel)
    pagerduty.limited = 1
    raised(clock)
    assert delivery.deliver_due(clock) == 0
    assert delivery.deliver_due(clock) == 0  # it asked for three seconds
    clock.later(3)
    assert delivery.deliver_due(clock) == 1

    AlertChannel.objects.update(secret_address="f" * 32)
    raised(clock, about=2)
    delivery.deliver_due(clock)
    clock.later(3600)
    delivery.deliver_due(clock)
    assert pagerduty.refused[0] == "routing_key"
    dead = Notification.objects.get(alert__scope="distribution 2", kind="alert.opened")
    assert (dead.state, dead.tries) == ("DEAD", 1)
    channel.refresh_from_db()
    assert channel.last_error == "PagerDuty refused it (400). Check the integration key."
    told = Alert.objects.get(rule=AlertRule.ALERT_CHANNEL_FAILING)
    assert "Oncall" in told.message
    assert not told.notices.exists()  # it cannot be told by the channel that fails


def test_the_alert_webhook_keeps_its_fields_and_is_signed(receiver, settings, clock):
    secret = settings.WEBHOOK_ALERT_SECRET = "whsec_" + "QUJD" * 8
    settings.WEBHOOK_ALERT_URL, settings.INSTALLATION_NAME = receiver.url, "pune"
    alert = raised(clock, CAPACITY, severity=Severity.WARNING)
    raised(clock, CAPACITY, severity=Severity.CRITICAL)  # worse
    incidents.acknowledge([alert.pk], by=None, via="PagerDuty: Priya", now=clock.later(5))
    incidents.close_alert(CAPACITY, 1, now=clock.later(5))
    assert delivery.deliver_due(clock) == 4

    bodies = receiver.verified(secret)
    assert [body["kind"] for body in bodies] == ["opened", "worse", "acknowledged", "closed"]
    assert bodies[0] == {
        "id": alert.pk,
        "rule": "capacity_short",
        "scope": "distribution 1",
        "severity": "CRITICAL",
        "message": "None can send.",
        "opened_at": "2026-11-24T00:30:00+00:00",
        "closed_at": "2026-11-24T00:30:10+00:00",
        "kind": "opened",
        "seq": 0,
        "acknowledged_by": "PagerDuty: Priya",
        "again": False,
        "dedup_key": "daybreak/pune/capacity_short/distribution 1/1795480200",
        "run_url": f"{settings.PUBLIC_URL}/admin/distribution/alert/{alert.pk}/change/",
    }
    assert len({post.headers["webhook-id"] for post in receiver.posts}) == 4


def test_mail_has_what_to_do_and_a_link_to_acknowledge(settings, clock):
    settings.EMAIL_ENABLED = True
    a_route(a_channel("Desk", "email", "a@example.com, b@example.com"))
    raised(clock)
    assert delivery.deliver_due(clock) == 1
    mail = outbox.outbox[0]
    assert (mail.to, mail.subject) == (["a@example.com", "b@example.com"], "Critical: No number")
    assert NO_NUMBER.remedy in mail.body
    assert f"{settings.PUBLIC_URL}/alerts/acknowledge/" in mail.body

    settings.EMAIL_ENABLED = False
    raised(clock, about=2)
    assert delivery.deliver_due(clock) == 0
    assert AlertChannel.objects.get().last_error == "No mail server is set. Set EMAIL_URL."


def test_a_dead_channel_delays_no_other_and_loses_nothing(receiver, pagerduty, clock):
    a_route(a_channel("Dead", address="http://127.0.0.1:9/x"))
    a_route(a_channel("Hook", address=receiver.url))
    for second in range(4):
        raised(clock, about=second)
        delivery.deliver_due(clock)
        assert len([post for post in receiver.posts if post.content["rule"] == NO_NUMBER]) == (
            second + 1
        )
        clock.later(20)
    dead = AlertChannel.objects.get(name="Dead")
    assert dead.failures == 4
    failing = Alert.objects.get(rule=AlertRule.ALERT_CHANNEL_FAILING)
    assert [row.destination.name for row in failing.notices.all()] == ["Hook"]

    AlertChannel.objects.filter(pk=dead.pk).update(secret_address=receiver.url)
    clock.later(61)
    delivery.deliver_due(clock)
    assert not Notification.objects.filter(state="WAITING", destination=dead).exists()
    failing.refresh_from_db()
    assert failing.closed_at == clock.now


def test_quiet_hours_hold_warnings_and_what_ended_meanwhile_is_never_told(receiver, clock):
    a_route(a_channel("Hook", address=receiver.url), quiet_from=time(22), quiet_until=time(7))
    for about in (1, 2, 3):
        raised(clock, CAPACITY, about, severity=Severity.WARNING)
    raised(clock)  # critical: at once
    assert delivery.deliver_due(clock) == 1

    incidents.close_alert(CAPACITY, 1, now=clock.later(60))
    raised(clock, CAPACITY, 2, severity=Severity.CRITICAL)
    assert delivery.deliver_due(clock) == 1
    clock.later(3600)
    assert delivery.deliver_due(clock) == 1
    told = [(post.content["scope"], post.content["kind"]) for post in receiver.posts]
    assert told == [
        ("distribution 1", "opened"),
        ("distribution 2", "opened"),
        ("distribution 3", "opened"),
    ]


def test_a_burst_is_a_digest_and_stays_one_after_a_crash(pagerduty, receiver, clock, monkeypatch):
    a_route(a_channel("Oncall", "pagerduty"))
    a_route(a_channel("Hook", address=receiver.url))
    for about in range(25):
        raised(clock, about=about)
    record = delivery._record
    monkeypatch.setattr(delivery, "_record", lambda *_: 1 / 0)  # sent, but not marked
    for channel in delivery.waiting(clock.now):
        with pytest.raises(ZeroDivisionError):
            delivery.serve(channel, clock)
    monkeypatch.setattr(delivery, "_record", record)
    raised(clock, about=25)
    clock.later(61)  # the lease is over
    delivery.deliver_due(clock)

    keys = [event["dedup_key"] for event in pagerduty.events]
    assert keys[0] == keys[1] != keys[2] == "daybreak/pune/no_number/distribution 25"
    assert pagerduty.events[0]["payload"]["summary"] == "25 alerts opened"
    first, again, single = receiver.posts
    assert first.headers["webhook-id"] == again.headers["webhook-id"]
    assert (first.content["kind"], len(first.content["alerts"])) == ("digest", 25)
    assert single.content["scope"] == "distribution 25"
    assert set(Notification.objects.values_list("state", flat=True)) == {"SENT"}

    for about in range(24):
        incidents.close_alert(NO_NUMBER, about, now=clock.now)
    clock.later(16)
    delivery.deliver_due(clock)
    assert len(pagerduty.open()) == 2  # one of the burst is still open
    incidents.close_alert(NO_NUMBER, 24, now=clock.now)
    clock.later(16)
    delivery.deliver_due(clock)
    assert list(pagerduty.open()) == ["daybreak/pune/no_number/distribution 25"]
    actions = [event["event_action"] for event in pagerduty.events]
    assert actions == ["trigger", "trigger", "trigger", "resolve"]


def test_incidents_of_many_alerts_are_resolved_one_by_one(pagerduty, clock):
    a_route(a_channel("Oncall", "pagerduty"))
    for about in range(30):
        raised(clock, about=about)
        delivery.deliver_due(clock)
        clock.later(10)
    assert len(pagerduty.open()) == 30
    for about in range(30):
        incidents.close_alert(NO_NUMBER, about, now=clock.now)
    clock.later(16)
    delivery.deliver_due(clock)
    assert pagerduty.open() == {}


def test_an_unacknowledged_critical_alert_goes_on_to_others_and_is_repeated(receiver, clock):
    names = ("First", "Second", "Third")
    first, second, third = (a_channel(name, address=receiver.url) for name in names)
    a_route(first, second=second, third=third)
    alert = raised(clock)

    def written(seconds: float) -> list[str]:
        incidents.remind(clock.later(seconds))
        incidents.remind(clock.now)
        rows = alert.notices.order_by("pk").values_list("destination__name", "kind")
        return [f"{name} {kind.removeprefix('alert.')}" for name, kind in rows][len(seen) :]

    seen: list[str] = []
    seen += written(59)
    assert seen == ["First opened"]
    seen += written(2)
    assert seen[1:] == ["Second opened"]
    seen += written(120)
    assert seen[2:] == ["Third opened"]
    assert sorted(written(120)) == [f"{name} reminder" for name in names]
    incidents.acknowledge([alert.pk], by=None, via="a link", origin=second.pk, now=clock.now)
    after = alert.notices.filter(kind="alert.acknowledged")
    assert {row.destination for row in after} == {first, third}
    assert set(alert.notices.filter(kind="alert.reminder").values_list("state", flat=True)) == {
        "DROPPED"
    }
    assert written(3600)[-2:] == ["First acknowledged", "Third acknowledged"]


def test_at_noon_escalation_takes_its_time(receiver, clock):
    first, second = a_channel("First", address=receiver.url), a_channel("Second", address="x")
    a_route(first, second=second, remind_minutes=0)
    clock.now += timedelta(hours=6)
    alert = raised(clock)
    assert incidents.remind(clock.later(299)) == 0
    assert incidents.remind(clock.later(1)) == 1
    assert [row.destination for row in alert.notices.order_by("pk")] == [first, second]
