from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from tests.webhooks.posts import apply, notice
from webhooks.applying import handlers, inbox
from webhooks.models import WebhookEvent

pytestmark = pytest.mark.django_db


def broken(*_: object, **__: object) -> None:
    raise ZeroDivisionError("division by zero")


def replay(*arguments: str) -> str:
    out = StringIO()
    call_command("replay_webhooks", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def dead(monkeypatch) -> int:
    """A webhook that was given up on for a fault that is mended by now."""
    with monkeypatch.context() as patch:
        patch.setattr(handlers, "apply", broken)
        apply(notice("security", event="PIN_CHANGED"))
        for _ in range(4):
            inbox.drain(now=timezone.now())
    return WebhookEvent.objects.dead().get().pk


@pytest.mark.parametrize("how", ["by id", "--all"])
def test_a_dead_letter_is_applied(dead, how):
    said = replay("--all" if how == "--all" else str(dead))

    assert said == "1 tried again, 1 applied.\n"
    assert WebhookEvent.objects.get().processed_at is not None


def test_what_fails_again_says_why(dead):
    apply(b"no json")
    bad = WebhookEvent.objects.dead().latest("pk").pk

    said = replay("--all").splitlines()

    assert said[0] == "2 tried again, 1 applied."
    assert said[1].startswith(f"webhook {bad}: Unreadable: JSONDecodeError")
    assert WebhookEvent.objects.dead().get().pk == bad


def test_one_that_fails_on_waits_for_the_next_drain(dead, monkeypatch):
    monkeypatch.setattr(handlers, "apply", broken)

    assert replay("--all").splitlines() == [
        "1 tried again, 0 applied.",
        f"webhook {dead}: ZeroDivisionError: division by zero",
    ]


@pytest.mark.parametrize("arguments", [[], ["1", "--all"]])
def test_the_ids_or_all_must_be_said(arguments):
    with pytest.raises(CommandError):
        replay(*arguments)


def test_what_is_not_dead_is_left_alone():
    apply(notice("security", event="PIN_CHANGED"))

    assert replay(str(WebhookEvent.objects.get().pk)) == "0 tried again, 0 applied.\n"
