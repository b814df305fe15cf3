"""What `demo --serve` shows beside today's distribution: the past, the days ahead, open work."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from config.demo import past_mornings, preparation
from config.demo.journal_verdict import SandboxClient
from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.content import approval
from distribution.lifecycle import schedule
from distribution.lifecycle.confirmation import Requester
from distribution.models import (
    Alert,
    BlackoutDate,
    Content,
    DailyTime,
    Distribution,
    Kind,
    MessageTemplate,
)
from distribution.runtime import india_time
from subscribers.importing import jobs

AGREED = timedelta(days=35)  # before today: when the subscribers signed up
FROM_NOW_ON = time(6)
WAITING_LIST = """\
Mobile Number,Name,Plan,Language,City
9811111111,Meera Iyer,PRO,en,Pune
9822222222,Kabir Shah,BASIC,hi,Surat
9833333333,Anita Desai,PREMIUM,en,Mumbai
98765,Too Short,PRO,en,Pune
9.19812E+11,Excel Was Here,BASIC,en,Delhi
,No Number,BASIC,en,Delhi
"""
IMPORTED_LIST = """\
Mobile Number,Name,Plan,Language,City
9844444441,Farah Sheikh,PRO,en,Mumbai
9844444442,Naveen Rao,BASIC,en,Bengaluru
9844444443,Sunita Pillai,PRO,en,Kochi
"""
CONSENT_SOURCE = "Sign-up sheet of the advisers' meet in Pune, 12 November"
FALLBACK = (
    "Good morning from all of us",
    "Markets are open today from 9:15. Reach us on this number.",
)
TOMORROW = "Budget day: what changes for you", "The budget speech starts at 11. We send a summary."
APPROVED = "Results week begins", "Nine large caps report this week, two of them tomorrow."
DRAFT = "Three funds to look at", "Three funds that held up well in the last correction."
REJECTED = "A fund that always wins", "This fund gains 15% every year."


def fill(people: dict[str, User], sandbox: SandboxClient, *, seed: int) -> None:
    """Add all of it, once today's distribution has ended."""
    now = timezone.now()
    today = india_time.local_date(now)
    editor, approver = people["editor"], people["approver"]
    past_mornings.record(today=today, editor=editor, approver=approver, seed=seed)
    days_ahead(editor, approver, now=now)
    schedule_ahead(people["administrator"], now=now)
    _alerts(people["operator"], now=now)
    imports(now=now)
    _replies(sandbox)


def days_ahead(editor: User, approver: User, *, now: datetime) -> None:
    """A fallback; content that waits, is approved, is written and was rejected; gaps."""
    today = india_time.local_date(now)
    fallback = _write(FALLBACK, editor, now, is_fallback=True, day=None)
    waiting, approved, rejected = (
        _write(text, editor, now, day=today + timedelta(days=ahead))
        for text, ahead in ((TOMORROW, 1), (APPROVED, 2), (REJECTED, 4))
    )
    _write(DRAFT, editor, now, day=today + timedelta(days=3))
    for content in (fallback, waiting, approved, rejected):
        approval.submit(content, by=editor, now=now)
    for content in (fallback, approved):
        approval.approve(content, by=approver, now=now)
    reason = "No promises of returns, please: say what the fund did and over which period."
    approval.reject(rejected, by=approver, now=now, reason=reason)


def schedule_ahead(administrator: User, *, now: datetime) -> None:
    """06:00 from tomorrow on, a holiday, and a one-time distribution in the afternoon."""
    today = india_time.local_date(now)
    tomorrow = today + timedelta(days=1)
    DailyTime.objects.create(from_day=tomorrow, time=FROM_NOW_ON, created_by=administrator)
    BlackoutDate.objects.create(
        day=today + timedelta(days=20), reason="Market holiday", created_by=administrator
    )
    content = Content.objects.get(day=today + timedelta(days=2), state="APPROVED")
    at = india_time.local_datetime(today + timedelta(days=3), time(16, 30))
    schedule.plan_by_hand(at=at, content=content, requester=Requester(administrator.pk), now=now)


def imports(*, now: datetime) -> None:
    """A list that was imported, and a newer one that was checked and waits for a decision."""
    jobs.submit(
        IMPORTED_LIST.encode(),
        "advisers-pune.csv",
        by="editor",
        now=now,
        consent_source=CONSENT_SOURCE,
    )
    jobs.submit(WAITING_LIST.encode(), "advisers-november.csv", by="editor", now=now)


def _write(text: tuple[str, str], by: User, now: datetime, **fields: Any) -> Content:
    template = MessageTemplate.objects.get(name=preparation.TEMPLATE, language=preparation.LANGUAGE)
    title, body = text
    variables = ["{name}", body]
    return approval.write(
        by=by, now=now, title=title, message_template=template, body_variables=variables, **fields
    )


def _alerts(operator: User, *, now: datetime) -> None:
    """The bad morning's alert, which the operator handles."""
    bad = Distribution.objects.filter(kind=Kind.DAILY, results__sla_met=False).order_by(
        "planned_at"
    )
    for morning in bad:
        assert morning.completed_at is not None
        violations = " ".join(morning.results["violations"])
        incidents.raise_alert(
            AlertRule.SLA_MISSED,
            morning.pk,
            message=f"{morning} missed its service level. {violations}",
            now=morning.completed_at,
        )
    first = Alert.objects.filter(rule=AlertRule.SLA_MISSED).order_by("opened_at").first()
    if first is not None:
        incidents.acknowledge([first.pk], by=operator.pk, now=now)


def _replies(sandbox: SandboxClient) -> None:
    """What people answer: thanks, a question, STOP, and one who moved to a new number."""
    number = preparation.POOL[0].meta_id
    for place, text in enumerate(("Thanks!", "Which fund do you mean?", "STOP", "🙏"), 11):
        body = {"from": f"9198{place:08d}", "number": number, "text": text}
        sandbox.post("/control/inbound", body)
    moved = {"from": "919800000020", "to": "919855555555", "number": number}
    sandbox.post("/control/changed_number", moved)
