"""How events are delivered: signed, again after failures, given up after a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from distribution import tasks
from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.event_webhooks import delivery, http_post, subscriptions
from distribution.models import (
    Alert,
    EventDelivery,
    EventSubscription,
    OutgoingEvent,
    PostState,
)
from tests.distribution.receivers import Receiver, a_receiver, a_subscription

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr"


def something_happens(distribution: int = 1) -> None:
    incidents.raise_alert(AlertRule.OVERRUN, distribution, message="X.", now=NOW)


def round_at(**after: float) -> int:
    return delivery.deliver_due(lambda: NOW + timedelta(**after))


def state() -> str:
    return EventDelivery.objects.earliest("pk").state


def test_each_listener_gets_its_own_copy_of_what_it_wants(receiver):
    with a_receiver() as other:
        a_subscription(receiver.url)
        a_subscription(other.url, kinds=["alert.closed"])
        something_happens()
        incidents.close_alert(AlertRule.OVERRUN, 1, now=NOW)

        assert round_at() == 3

        assert receiver.kinds() == ["alert.opened", "alert.closed"]
        assert other.kinds() == ["alert.closed"]
    assert round_at(minutes=1) == 0  # each is told once


def test_a_refused_event_is_posted_again_later_under_the_same_id(receiver):
    a_subscription(receiver.url)
    something_happens()
    receiver.status = 503
    assert [round_at(), round_at(seconds=4), len(receiver.posts)] == [0, 0, 1]

    receiver.status = 200
    assert round_at(seconds=6) == 1

    first, second = receiver.posts
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    row = EventDelivery.objects.get()
    assert (row.state, row.tries, row.status, row.error) == (PostState.DELIVERED, 2, 200, "")


def test_the_pauses_grow_and_after_a_day_it_is_dead_alerted_and_can_be_replayed(receiver):
    listener = a_subscription(receiver.url)
    something_happens()
    receiver.status = 500
    tried = [0.0]
    round_at()
    while state() == PostState.WAITING:
        tried.append((EventDelivery.objects.earliest("pk").next_at - NOW).total_seconds())
        round_at(seconds=tried[-1])
    assert tried == [0, 5, 35, 155, 755, 2555, 6155, 13_355, 27_755, 56_555, 85_355, 86_400]
    # The alert about it was an event, too: it waits for the same receiver.
    rules = [post.content["data"]["alert"]["rule"] for post in receiver.posts]
    assert rules.count("overrun") == 12
    assert Alert.objects.filter(rule="events_undelivered", closed_at=None).count() == 1
    assert round_at(days=3) == 0  # nothing by itself
    receiver.posts.clear()

    receiver.status = 200
    dead = EventDelivery.objects.filter(state=PostState.DEAD).values_list("pk", flat=True)
    assert subscriptions.replay(list(dead), now=NOW + timedelta(days=4)) == 1
    round_at(days=4)

    assert receiver.posts[0].content["data"]["alert"]["rule"] == "overrun"
    assert state() == PostState.DELIVERED
    assert EventSubscription.objects.get(pk=listener.pk).failures == 0
    assert not Alert.objects.filter(rule="events_undelivered", closed_at=None).exists()


def test_an_event_that_is_not_liked_does_not_hold_up_the_next(receiver):
    a_subscription(receiver.url)
    something_happens(1)
    something_happens(2)
    receiver.status = 422
    round_at()

    assert len(receiver.posts) == 2
    assert EventSubscription.objects.get().busy_until is None


def test_a_receiver_that_asks_for_time_gets_it(receiver):
    a_subscription(receiver.url)
    something_happens()
    receiver.status, receiver.response_headers = 429, {"Retry-After": "900"}
    round_at()

    assert EventDelivery.objects.get().next_at == NOW + timedelta(seconds=900)


def test_a_receiver_that_is_gone_is_not_asked_again(receiver):
    a_subscription(receiver.url)
    something_happens(1)
    something_happens(2)
    receiver.status = 410
    round_at()

    assert len(receiver.posts) == 1
    assert not EventSubscription.objects.get().active
    assert set(EventDelivery.objects.values_list("state", flat=True)) == {PostState.DEAD}


def test_the_alert_ends_with_the_subscription_that_it_is_about(receiver):
    listener = a_subscription(receiver.url)
    something_happens()
    receiver.status = 410
    round_at()
    round_at(minutes=1)
    assert Alert.objects.filter(rule="events_undelivered", closed_at=None).exists()

    listener.delete()
    round_at(minutes=2)
    assert not Alert.objects.filter(rule="events_undelivered", closed_at=None).exists()


def test_a_dead_receiver_is_asked_rarely_and_the_others_are_told(receiver):
    with a_receiver() as gone:
        dead = a_subscription(gone.url)
    a_subscription(receiver.url)
    for distribution in (1, 2, 3):
        something_happens(distribution)

    assert round_at() == 3

    dead.refresh_from_db()
    assert dead.failures == 1
    assert EventDelivery.objects.filter(tries__gt=0, subscription=dead).count() == 1


def test_two_senders_never_serve_the_same_listener_at_once(receiver, monkeypatch):
    a_subscription(receiver.url)
    something_happens()
    post = http_post.post

    def meanwhile(*arguments: object) -> http_post.PostResult:
        monkeypatch.setattr(http_post, "post", post)
        assert round_at() == 0
        return post(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(http_post, "post", meanwhile)

    assert round_at() == 1
    assert len(receiver.posts) == 1


# --- signing ------------------------------------------------------------------------------------


def test_after_a_change_of_the_secret_both_sign_for_a_day(receiver):
    listener = a_subscription(receiver.url)
    new = subscriptions.change_secret(listener, now=NOW)
    something_happens(1)
    round_at()
    for secret in (listener.secret, new):
        assert receiver.verified(secret)

    receiver.posts.clear()
    listener.refresh_from_db()
    assert subscriptions.secrets_of(listener, now=NOW + timedelta(days=1)) == [new]


def test_the_built_in_listener_is_told_under_the_secret_of_the_settings(receiver, settings):
    settings.WEBHOOK_STATUS_URL, settings.WEBHOOK_STATUS_SECRET = receiver.url, SECRET
    something_happens()
    round_at()
    assert receiver.verified(SECRET)
    with pytest.raises(WebhookVerificationError):
        receiver.verified(EventSubscription.objects.get(builtin=True).secret)

    settings.WEBHOOK_STATUS_URL = ""
    something_happens("later")
    assert round_at(minutes=1) == 0


def test_the_signature_is_that_of_the_standard():
    """The specification's own example."""
    moment = datetime.fromtimestamp(1_614_265_330, UTC)
    known = Webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert known.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", moment, '{"test": 2432232314}') == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_a_refused_address_is_seen_at_the_delivery(settings, receiver: Receiver):
    settings.EVENT_PRIVATE_NETWORKS = []
    a_subscription(receiver.url.replace("http:", "https:"))
    something_happens()
    round_at()

    assert "EVENT_PRIVATE_NETWORKS" in EventDelivery.objects.get().error


# --- who sends them -----------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_task_posts_beside_its_worker(receiver):
    a_subscription(receiver.url)
    something_happens()

    tasks.post_events()
    delivery.posting.start().join(30)

    assert receiver.kinds() == ["alert.opened"]


def test_what_nobody_sends_is_noticed_after_a_while(receiver):
    patience = timedelta(seconds=30)
    a_subscription(receiver.url)
    something_happens()
    assert not delivery.is_behind(NOW + timedelta(seconds=29), patience)
    assert delivery.is_behind(NOW + timedelta(seconds=30), patience)

    round_at(seconds=30)
    assert not delivery.is_behind(NOW + timedelta(hours=1), patience)


def test_old_events_are_forgotten_and_new_ones_kept(receiver, settings):
    a_subscription(receiver.url)
    something_happens("old")
    round_at()
    something_happens("unspread")

    assert delivery.delete_old(NOW + timedelta(days=settings.EVENT_KEEP_DAYS, seconds=1)) == 1

    assert OutgoingEvent.objects.count() == 1
    assert not EventDelivery.objects.exists()
