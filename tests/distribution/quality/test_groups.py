"""Rotation groups on their page, and what a distribution is sent with."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from distribution.ledger.template_shares import place, place_in_sql, template_in_sql
from distribution.mirror import templates
from distribution.models import (
    Delivery,
    GroupRole,
    MessageTemplate,
    OutgoingEvent,
    RotationCause,
    RotationChange,
    RotationGroup,
    TemplateStatus,
)
from distribution.quality import groups
from distribution.quality.sent_templates import warm_share
from tests.builders import (
    BODY,
    a_group,
    a_number,
    a_template,
    an_approved_content,
    an_open_distribution,
)
from tests.distribution.batches import send
from tests.distribution.content_staff import a_staff_member, browser
from tests.shown_forms import form_with

pytestmark = pytest.mark.django_db
ADD = reverse("admin:distribution_rotationgroup_add")
MAY = ("view_rotationgroup", "add_rotationgroup", "rotate_templates")


def members(group: RotationGroup) -> list[MessageTemplate]:
    return sorted(group.templates.all(), key=groups.preference)


def roles(group: RotationGroup) -> Counter[str]:
    return Counter(group.templates.values_list("group_role", flat=True))


def press(client, group: RotationGroup, action: str, *args: int) -> str:
    """Open the page of an action, give a reason; the page after it."""
    url = reverse(f"admin:distribution_rotationgroup_{action}", args=[group.pk, *args])
    form = form_with(client.get(url), "reason", reason="People complained.")
    return client.post(url, form, follow=True).content.decode()


def test_a_group_is_added_and_its_primary_changed_by_hand_with_a_reason():
    first, second = a_template(components=BODY), a_template(components=BODY)
    client = browser(a_staff_member(*MAY, name="asha"))
    chosen = {"name": "morning", "primary": first.pk, "standbys": [second.pk]}

    client.post(ADD, form_with(client.get(ADD), "name", **chosen))
    group = RotationGroup.objects.get()
    shown = press(client, group, "use", second.pk)

    second.refresh_from_db()
    change = RotationChange.objects.get()
    assert (second.group_role, second.rotation_group) == (GroupRole.PRIMARY, "morning")
    assert roles(group) == {"PRIMARY": 1, "STANDBY": 1}
    assert (change.before, change.after, change.cause) == (first, second, RotationCause.MANUAL)
    assert "(asha): People complained." in shown
    event = OutgoingEvent.objects.get(kind="template.rotated")
    assert event.data["rotation"]["after"] == second.pk
    assert LogEntry.objects.filter(change_message__contains="People complained.").count() == 1


def test_templates_that_take_other_values_are_no_group():
    first = a_template(components=BODY)
    other = a_template(components=[{"type": "BODY", "text": "Only {{1}} here, and no more."}])
    client = browser(a_staff_member(*MAY))
    chosen = {"name": "morning", "primary": first.pk, "standbys": [other.pk]}

    page = client.post(ADD, form_with(client.get(ADD), "name", **chosen)).content.decode()

    assert f"{other} does not fit {first}" in page
    assert not RotationGroup.objects.exists()
    for fields in ({"language": "hi"}, {"category": "MARKETING"}):
        assert groups.objection_to([first, a_template(components=BODY, **fields)])


def test_a_standby_rests_and_comes_back():
    group, client = a_group(), browser(a_staff_member(*MAY))
    standby = members(group)[1]

    press(client, group, "rest", standby.pk)
    assert roles(group) == {"PRIMARY": 1, "RESTING": 1}
    press(client, group, "rest", standby.pk)
    press(client, group, "automatic")

    group.refresh_from_db()
    assert (roles(group), group.automatic) == ({"PRIMARY": 1, "STANDBY": 1}, False)


def test_who_may_only_look_changes_nothing():
    group = a_group()
    client = browser(a_staff_member("view_rotationgroup"))

    page = client.get(reverse("admin:distribution_rotationgroup_change", args=[group.pk]))

    assert page.status_code == 200
    assert "Rest</a>" not in page.content.decode()
    for action, args in (("use", [members(group)[1].pk]), ("automatic", [])):
        url = reverse(f"admin:distribution_rotationgroup_{action}", args=[group.pk, *args])
        assert client.post(url, {"reason": "x"}).status_code == 403


def test_a_red_or_paused_template_is_not_taken_into_use():
    for fields in ({"quality": "RED"}, {"status": TemplateStatus.PAUSED}):
        group = a_group()
        standby = members(group)[1]
        MessageTemplate.objects.filter(pk=standby.pk).update(**fields)
        page = press(browser(a_staff_member(*MAY)), group, "use", standby.pk)
        assert "be used." in page
        assert not RotationChange.objects.filter(group=group).exists()


def test_siblings_are_what_can_be_sent_now_the_best_first():
    group = a_group(4)
    primary, *others = members(group)
    MessageTemplate.objects.filter(pk=others[0].pk).update(quality="RED")
    MessageTemplate.objects.filter(pk=others[1].pk).update(status=TemplateStatus.PAUSED)
    MessageTemplate.objects.filter(pk=others[2].pk).update(quality="YELLOW")

    assert groups.siblings(primary) == [others[3], members(group)[-2]]
    assert groups.siblings(others[0])[0] == primary
    assert groups.siblings(a_template()) == []


def test_a_group_has_one_primary_whatever_happens():
    group = a_group()
    with pytest.raises(IntegrityError), transaction.atomic():
        group.templates.update(group_role=GroupRole.PRIMARY)


# --- what is sent


def an_open_one_of(group: RotationGroup, people: int, **fields):
    content = an_approved_content(message_template=members(group)[0])
    return an_open_distribution(people, content=content, **fields)


def test_a_share_of_the_morning_gets_the_standby_and_sql_knows_who(api):
    a_number(rate_per_second=1000)
    group = a_group()
    primary, standby = members(group)

    distribution = an_open_one_of(group, 50)
    send(distribution, api)

    assert distribution.warm_template == standby
    assert distribution.warm_per_mille == 100  # 50 people: the most there is
    day = distribution.local_date
    warm = {
        row.phone
        for row in Delivery.objects.all()
        if place(row.subscriber_id, day.toordinal()) < 100
    }
    assert {message.to for message in api.sent if message.template == standby.name} == warm
    assert {message.to for message in api.sent if message.template == primary.name} | warm == {
        row.phone for row in Delivery.objects.all()
    }
    counted = Delivery.objects.annotate(template=template_in_sql(distribution))
    assert set(counted.filter(template=standby.pk).values_list("phone", flat=True)) == warm


def test_content_goes_out_with_the_primary_of_its_templates_group(api):
    a_number(rate_per_second=1000)
    group = a_group()
    old, new = members(group)
    content = an_approved_content(message_template=old)
    groups.make_primary(
        new, cause=RotationCause.BLOCK_RATE, reason="51 of 2,000", now=timezone.now()
    )

    distribution = an_open_distribution(10, content=content)
    send(distribution, api)

    assert {message.template for message in api.sent} == {new.name}
    assert distribution.used_template == new
    assert distribution.warm_template is None  # the old one rests
    assert api.sent[0].components[0]["parameters"][1]["text"] == "Nifty opens flat"


def test_the_morning_continues_without_a_standby_that_meta_pauses(api):
    a_number(rate_per_second=1000)
    group = a_group()
    standby = members(group)[1]
    distribution = an_open_one_of(group, 50)
    now = timezone.now()

    templates.write_status(standby, TemplateStatus.PAUSED, reason="LOW_QUALITY", now=now)
    send(distribution, api)

    distribution.refresh_from_db()
    assert (distribution.state, distribution.warm_per_mille) == ("SENDING", 0)
    assert {message.template for message in api.sent} == {members(group)[0].name}


@pytest.mark.parametrize(
    ("people", "per_mille"), [(0, 0), (150, 100), (2_000, 75), (10_000, 15), (100_000, 10)]
)
def test_the_share_makes_a_standby_comparable_within_a_week(people, per_mille):
    assert warm_share(people) == per_mille


@given(st.integers(1, 10**9), st.integers(730_000, 800_000))
def test_nobody_gets_the_standby_on_most_mornings(person, day):
    """At the largest share, 10%: within 30 mornings never more than eight of them."""
    assert sum(place(person, day + n) < 100 for n in range(30)) <= 8


def test_python_and_the_database_place_people_alike(distribution):
    day = date(2026, 11, 29) + timedelta(days=distribution.pk % 3)
    rows = Delivery.objects.annotate(place=place_in_sql(day)).values_list("subscriber_id", "place")
    assert {pk: place(pk, day.toordinal()) for pk, _ in rows} == dict(rows)
