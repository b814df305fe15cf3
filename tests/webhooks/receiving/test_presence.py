from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from distribution.models import Heartbeat, StatusFeed
from tests.webhooks.posts import notice, post
from tests.webhooks.test_views import without_the_table
from webhooks import views
from webhooks.receiving import presence, store

NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
BODY = notice("security", NOW, event="PIN_CHANGED")


def feed() -> StatusFeed:
    return StatusFeed.current()


@pytest.mark.django_db
def test_an_absence_never_moves_back_and_being_seen_does_not_touch_it():
    StatusFeed.receiver_seen(NOW, away_at=NOW)
    StatusFeed.receiver_seen(NOW + timedelta(seconds=1), away_at=NOW - timedelta(seconds=1))
    StatusFeed.receiver_seen(NOW + timedelta(seconds=2))

    assert (feed().receiver_seen_at, feed().receiver_away_at) == (NOW + timedelta(seconds=2), NOW)


@pytest.mark.django_db
def test_word_of_the_receiver_and_of_the_reports_share_a_row():
    StatusFeed.applied(NOW)
    StatusFeed.receiver_seen(NOW, away_at=NOW)
    StatusFeed.dead_letter(NOW)

    row = StatusFeed.objects.get()
    assert (row.applied_through, row.dead_letter_at, row.receiver_away_at) == (NOW, NOW, NOW)


# --- a webhook that was refused -------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_what_was_answered_503_is_told_with_the_next_webhook(client):
    before = timezone.now()
    with without_the_table():
        assert post(client, BODY).status_code == 503
    refused = timezone.now()
    assert presence.has_unsaved_gap()

    assert post(client, BODY).status_code == 200

    assert before < feed().receiver_away_at < refused <= feed().receiver_seen_at
    assert not presence.has_unsaved_gap()


@pytest.mark.django_db
def test_in_the_normal_case_nothing_more_is_written(client):
    assert post(client, BODY).status_code == 200
    assert not StatusFeed.objects.exists()


@pytest.mark.django_db
def test_what_broke_the_view_and_what_could_not_be_verified_were_missed_too(
    client, monkeypatch, settings
):
    client.raise_request_exception = False
    with monkeypatch.context() as patch:
        patch.setattr(views.signature, "verify", lambda *_: 1 / 0)
        assert post(client, BODY).status_code == 500
    assert presence.has_unsaved_gap()
    assert post(client, BODY).status_code == 200
    assert not presence.has_unsaved_gap()

    with monkeypatch.context() as patch:
        patch.setattr(settings, "WHATSAPP_APP_SECRETS", [])
        assert post(client, BODY, sign_with="").status_code == 503
    assert presence.has_unsaved_gap()


@pytest.mark.django_db
def test_what_meta_did_not_sign_is_nothing_missed(client):
    assert post(client, BODY, sign_with="not-our-secret").status_code == 403
    assert not presence.has_unsaved_gap()


@pytest.mark.django_db(transaction=True)
def test_a_webhook_is_not_taken_before_the_absence_is_told(client):
    """Else silence could be judged by neighbours that were let in, and by no absence."""
    presence.note_gap(NOW)
    rename = "ALTER TABLE {} RENAME TO {}"
    with connection.cursor() as cursor:
        cursor.execute(rename.format("distribution_statusfeed", "hidden"))
    try:
        assert post(client, BODY).status_code == 503
        presence.try_to_save()  # fails in silence
    finally:
        with connection.cursor() as cursor:
            cursor.execute(rename.format("hidden", "distribution_statusfeed"))

    presence.try_to_save()

    assert not presence.has_unsaved_gap()
    assert feed().receiver_away_at > NOW


@pytest.mark.django_db
def test_what_is_missed_while_it_is_told_stays_owed(monkeypatch):
    presence.note_gap(NOW)
    later = NOW + timedelta(seconds=1)
    really = StatusFeed.receiver_seen

    def seen(at, **said):
        really(at, **said)
        presence.note_gap(later)

    monkeypatch.setattr(StatusFeed, "receiver_seen", seen)
    presence.save(NOW)

    assert presence.has_unsaved_gap()
    assert feed().receiver_away_at == NOW


# --- a process that starts ------------------------------------------------------------------------


def test_a_web_process_says_when_it_began_and_that_it_is_there(serve):
    before = timezone.now()
    serve()

    began = awaited(lambda: feed().receiver_away_at)
    seen = awaited(lambda: feed().receiver_seen_at)
    assert before < began <= seen
    assert Heartbeat.objects.filter(pk="door:web").exists()
    assert awaited(lambda: (feed().receiver_seen_at or seen) > seen)
    assert feed().receiver_away_at == began


def awaited(question):
    end = time.monotonic() + 30
    while not (answer := question()) and time.monotonic() < end:
        time.sleep(0.05)
    assert answer
    return answer


def test_storing_itself_knows_nothing_of_it(db):
    presence.note_gap(NOW)
    assert store.store(BODY, 0, now=NOW)
    assert presence.has_unsaved_gap()
