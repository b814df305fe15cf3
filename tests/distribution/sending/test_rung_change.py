"""A run whose template Meta refuses goes on with the next rung; nobody gets two messages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from distribution.cost import booking
from distribution.engine import sweep
from distribution.ledger import deliveries, doubts
from distribution.ledger.template_shares import template_in_sql
from distribution.lifecycle import control, rung_change
from distribution.mirror import templates
from distribution.models import (
    Alert,
    Delivery,
    Distribution,
    DistributionState,
    MessageTemplate,
    OutgoingEvent,
    Progress,
    State,
    TemplateStatus,
)
from distribution.reporting import delivery_export, rungs
from phonepool.cloud_api.client import OutcomeKind
from phonepool.errors import NO_ANSWER
from tests.builders import a_group, a_number, an_approved_content, an_open_distribution
from tests.distribution.batches import ActingApi, due, everybody, receivers, reload, send, states
from tests.fakes import FakeCloudApi

pytestmark = pytest.mark.django_db


class PausingApi(FakeCloudApi):
    """Accepts the first messages, then refuses every one that has one of these templates."""

    def __init__(self, accepts: int, code: int = 132015) -> None:
        super().__init__()
        self.accepts, self.code = accepts, code
        self.paused: set[str] = set()

    def outcome(self, message: Any) -> Any:
        if message.template in self.paused and len(self.sent) >= self.accepts:
            self.refuse(message.to, self.code, times=1)
        return super().outcome(message)


@pytest.fixture
def group(settings: Any) -> list[MessageTemplate]:
    """Two templates, the second for nobody while the first can be sent; a fast number."""
    settings.MICRO_BATCH_SIZE = 10
    a_number(rate_per_second=1000)
    return list(a_group(1).templates.order_by("pk"))


def a_run(group: list[MessageTemplate], people: int = 50, *, share: bool = False) -> Distribution:
    content = an_approved_content(message_template=group[0])
    distribution = an_open_distribution(people, content=content)
    if not share:
        Distribution.objects.update(warm_per_mille=0)
    return reload(distribution)


def sent_with() -> dict[tuple[int, int | None], int]:
    found: dict[tuple[int, int | None], int] = {}
    for row in Delivery.objects.filter(state__in=[State.ACCEPTED, State.HELD]):
        key = (row.rung, row.message_template_id)
        found[key] = found.get(key, 0) + 1
    return found


@pytest.mark.parametrize("code", [132001, 132015, 132016])
def test_the_rest_gets_the_sibling_when_meta_refuses_the_template(
    group, code, django_capture_on_commit_callbacks
):
    own, sibling = group
    distribution = a_run(group)
    api = PausingApi(20, code)
    api.paused = {own.name}

    with django_capture_on_commit_callbacks(execute=True):
        send(distribution, api)
    row = reload(distribution)
    assert (row.state, row.used_template) == (DistributionState.SENDING, sibling)
    assert row.rung.taken_at is not None
    refused = Delivery.objects.filter(state=State.RETRY_WAIT)
    assert refused.exists()
    assert not refused.filter(next_at__gt=timezone.now()).exists()  # their turn comes at once
    due()
    send(distribution, api)

    assert states() == {State.ACCEPTED: 50}
    assert sent_with() == {(0, None): 20, (1, sibling.pk): 30}
    event = OutgoingEvent.objects.get(kind="distribution.rung_taken")
    assert event.data["rung"]["message_template"] == sibling.pk
    [alert] = Alert.objects.filter(rule="rung_taken", closed_at=None)
    assert f"people who have received nothing get “{row.content.title}” with" in alert.message

    # It is seen on each person's delivery, in exports and on the distribution's page.
    shown = rungs.of_distribution(reload(distribution))
    assert [(one.people, one.current) for one in shown] == [(20, False), (30, True)]
    delivery = Delivery.objects.filter(rung=1).latest("pk")
    assert rungs.sent_with(delivery) == f"“{row.content.title}” with {sibling}"
    *_, line = delivery_export.lines(Delivery.objects.order_by("rung"), full_phones=False)
    assert line.rstrip().endswith(f"1,{sibling.name}")

    # What was really sent is what quality, cost and figures count.
    counted = Delivery.objects.annotate(template=template_in_sql(reload(distribution)))
    assert counted.filter(template=sibling.pk).count() == 30
    Delivery.objects.update(progress=Progress.DELIVERED)
    costs = booking.count(reload(distribution))
    assert {one.message_template_id: one.count for one in costs} == {own.pk: 20, sibling.pk: 30}


def test_a_notice_changes_the_rung_and_what_was_marked_before_stays(group):
    """The webhook and the answers at once: the notice comes while a bundle is being answered, and
    the refusals of the old rung that follow change nothing more."""
    own, sibling = group
    distribution = a_run(group)

    def act(messages):
        if len(messages) and not reload(distribution).rung_id:
            own.refresh_from_db()
            templates.write_status(own, TemplateStatus.PAUSED, reason="x", now=timezone.now())

    api = ActingApi(act)
    for phone in Delivery.objects.order_by("pk").values_list("phone", flat=True)[:3]:
        api.refuse(phone, 132015, times=1)
    send(distribution, api)
    row = reload(distribution)
    assert (row.state, row.place) == (DistributionState.SENDING, 1)
    assert {message.template for message in api.sent} == {own.name}
    assert len(api.sent) == 10
    due()
    send(distribution, api)

    assert states() == {State.ACCEPTED: 50}
    assert sent_with() == {(0, None): 7, (1, sibling.pk): 43}
    assert Alert.objects.filter(rule="rung_taken").count() == 1


def test_who_may_have_a_message_stays_on_the_rung_of_that_message(group):
    own, _ = group
    distribution = a_run(group, 12)
    now = timezone.now()
    phones = list(Delivery.objects.order_by("pk").values_list("phone", flat=True))
    api = PausingApi(9)
    api.paused = {own.name}
    api.answer(phones[0], OutcomeKind.UNKNOWN, NO_ANSWER)
    api.answer(phones[1], OutcomeKind.UNKNOWN, NO_ANSWER)
    api.answer(phones[2], OutcomeKind.HELD, None)
    send(distribution, api)
    assert reload(distribution).place == 1
    # The second one had been given up as not accepted before the change: it waits for a resend.
    Delivery.objects.filter(phone=phones[1]).update(state=State.PENDING, ambiguous_no=1)

    due()
    send(distribution, api)  # before the sweep: the mark itself refuses it
    sweep.sweep(now)
    due()
    send(distribution, api)

    rows = {row.phone: row for row in Delivery.objects.all()}
    assert [rows[phone].state for phone in phones[:3]] == [State.UNKNOWN, State.UNKNOWN, State.HELD]
    assert [rows[phone].rung for phone in phones[:3]] == [0, 0, 0]
    assert {receivers(api)[phone] for phone in phones[:3]} == {1}
    assert sorted(row.rung for row in rows.values()) == [0] * 9 + [1] * 3

    # A person may send such a message again, on the rung of now.
    Delivery.objects.filter(phone=phones[1]).update(state=State.UNCONFIRMED, reason="no_answer")
    doubts.resend_unconfirmed(rows[phones[1]].pk, next_at=now)
    send(distribution, api)
    assert Delivery.objects.filter(phone=phones[1], state=State.ACCEPTED, rung=1).exists()


def test_two_workers_and_a_late_answer_take_one_rung(group):
    """The second worker marked nothing yet when the first one's answers changed the rung; answers
    of the rung that was left are nothing new."""
    distribution = a_run(group)
    claim = deliveries.claim(
        distribution.pk, 0, limit=20, now=timezone.now(), lease=timedelta(minutes=1)
    )
    assert rung_change.leave(distribution.pk, 0, why="first", now=timezone.now())
    assert rung_change.leave(distribution.pk, 0, why="second", now=timezone.now())
    assert reload(distribution).place == 1

    number_id = a_number().pk
    marked = deliveries.mark_inflight(
        claim, claim.deliveries, number_id=number_id, now=timezone.now(), lease=timedelta(minutes=1)
    )
    assert marked == set()  # frozen between claim and mark: its messages are of the old rung
    assert OutgoingEvent.objects.filter(kind="distribution.rung_taken").count() == 1


def test_a_crash_right_after_the_change_is_made_up_for_by_the_sweep(group):
    distribution = a_run(group, 20)
    api = PausingApi(0)
    api.paused = {group[0].name}
    send(distribution, api)  # what follows the commit does not run in a test, either
    now = timezone.now()
    late = Delivery.objects.filter(reason="template_paused")
    late.update(next_at=now + timedelta(hours=1))

    sweep.sweep(now)

    assert not late.filter(next_at__gt=now).exists()
    due()
    send(distribution, api)
    assert states() == {State.ACCEPTED: 20}


def test_the_primary_that_comes_back_is_not_taken_again(group):
    own, sibling = group
    distribution = a_run(group, 20)
    templates.write_status(own, TemplateStatus.PAUSED, reason="x", now=timezone.now())
    templates.write_status(own, TemplateStatus.APPROVED, reason="x", now=timezone.now())
    api = FakeCloudApi()
    send(distribution, api)
    assert {message.template for message in api.sent} == {sibling.name}

    # The sibling fails as well, and nothing is left: it is paused, with the time that is left.
    templates.write_status(sibling, TemplateStatus.DISABLED, reason="x", now=timezone.now())
    row = reload(distribution)
    assert (row.state, row.place) == (DistributionState.PAUSED, 1)
    alert = Alert.objects.get(rule="distribution_paused", closed_at=None)
    assert "Nothing else on its ladder can be sent. Minutes left: 4." in alert.message


def test_the_fallback_is_the_last_rung_and_has_its_own_words(group):
    own, sibling = group
    words = ["{name}", "No news today"]
    fallback = an_approved_content(
        day=None, is_fallback=True, message_template=a_group(1).templates.earliest("pk"),
        body_variables=words,
    )  # fmt: skip
    distribution = a_run(group, 20)
    api = PausingApi(5)
    api.paused = {own.name, sibling.name}
    for _ in range(3):
        send(distribution, api)
        due()

    assert states() == {State.ACCEPTED: 20}
    assert reload(distribution).used_content == fallback
    last = [message for message in api.sent if message.template == fallback.message_template.name]
    assert {message.components[0]["parameters"][1]["text"] for message in last} == {words[1]}
    assert sent_with() == {(0, None): 5, (2, fallback.message_template_id): 15}


@pytest.mark.parametrize("code", [368, 131031, 131042, 131064])
def test_a_fault_of_the_account_takes_no_rung(group, code):
    distribution = a_run(group, 5)
    api = FakeCloudApi()
    for phone in everybody():
        api.refuse(phone, code)
    send(distribution, api)
    row = reload(distribution)
    assert (row.state, row.rung) == (DistributionState.PAUSED, None)


def test_a_refused_standby_costs_only_its_share(group):
    _, standby = group
    distribution = a_run(group, 50, share=True)
    assert distribution.warm_per_mille == 100
    api = PausingApi(0)
    api.paused = {standby.name}
    for _ in range(2):
        send(distribution, api)
        due()

    row = reload(distribution)
    assert (row.state, row.rung, row.warm_per_mille) == (DistributionState.SENDING, None, 0)
    assert set(sent_with()) == {(0, None)}
    assert control.waiting(row.pk) == 0
