"""Meta's comparisons of two templates of a group: which it answers, what it said, in words.

`distribution/mirror/template_comparison.py` asks and stores. Meta compares two templates only if
each was sent 1,000 times in a window of 7, 30, 60 or 90 days.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Greatest
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from distribution.models import (
    DailySignals,
    GroupRole,
    MessageTemplate,
    RotationChange,
    TemplateComparison,
    TemplateStatus,
)
from distribution.runtime import india_time
from phonepool.cloud_api.comparison import LEAST_SENDS, WINDOW_DAYS

LONGEST = WINDOW_DAYS[-1]
VALID = timedelta(days=LONGEST)  # an order counts until Meta says another, for so long
REASONS: dict[str, str | Promise] = {
    "NO_LONGER_NEEDED": gettext_lazy("no longer needed"),
    "NO_REASON": gettext_lazy("no reason given"),
    "NO_REASON_GIVEN": gettext_lazy("no reason given"),
    "NO_SIGN_UP": gettext_lazy("did not sign up"),
    "OFFENSIVE_MESSAGES": gettext_lazy("offensive messages"),
    "OTHER": gettext_lazy("other"),
    "OTP_DID_NOT_REQUEST": gettext_lazy("did not ask for a code"),
    "SPAM": gettext_lazy("spam"),
    "UNKNOWN_BLOCK_REASON": gettext_lazy("unknown to Meta"),
}

Sends = dict[int, int]  # of one template, by the days of each window


@dataclass(frozen=True, slots=True)
class Ordered:
    """What Meta says of another template beside one."""

    blocked_more: bool
    on: date


@dataclass(frozen=True, slots=True)
class ShownComparison:
    """A template beside another one of its group, on the page of the first."""

    other: MessageTemplate
    words: str  # what Meta says, or why it says nothing
    reason: str  # why people block this one, in words; empty: not told
    answered_at: datetime | None
    error: str  # of the latest call
    blocked_more: bool | None = None
    top_block_reason: str = ""  # Meta's word
    window_days: int | None = None
    missing_sends: int = 0  # of both together, until Meta compares them


def sends(templates: Collection[int], *, today: date) -> dict[int, Sends]:
    """How often each was sent on the mornings within each window that ends today."""
    rows = DailySignals.objects.filter(
        template__in=templates, day__gt=today - timedelta(days=LONGEST), day__lte=today
    )
    # A morning that was counted before `sent` existed has only those whom it reached.
    times = Greatest("sent", "delivered")
    windows = {
        f"days_{days}": Sum(times, filter=Q(day__gt=today - timedelta(days=days)), default=0)
        for days in WINDOW_DAYS
    }
    found = {pk: dict.fromkeys(WINDOW_DAYS, 0) for pk in templates}
    sums: Any = rows.order_by().values("template_id").annotate(**windows)
    for row in sums:
        found[row["template_id"]] = {days: row[f"days_{days}"] for days in WINDOW_DAYS}
    return found


def window_for(first: Sends, second: Sends) -> int | None:
    """The shortest window in which both were sent often enough; None: Meta would refuse."""
    return next((d for d in WINDOW_DAYS if min(first[d], second[d]) >= LEAST_SENDS), None)


def next_pair(
    members: Collection[MessageTemplate], *, today: date
) -> tuple[MessageTemplate, MessageTemplate, int] | None:
    """The two templates of a group that Meta should compare next, the first with the lower key, and
    the days of the window. None: no pair was sent often enough.

    The primary beside the one it replaced last, until Meta has compared them; then beside each
    other template in turn.
    """
    approved = [one for one in members if one.status == TemplateStatus.APPROVED and one.meta_id]
    primary = next((one for one in approved if one.group_role == GroupRole.PRIMARY), None)
    if primary is None:
        return None
    counts = sends([one.pk for one in approved], today=today)
    asked = {_other_of(row, primary): row for row in of(primary)}
    change = RotationChange.objects.filter(group=primary.group_id).order_by("-at", "-pk").first()

    def order(one: MessageTemplate) -> tuple[bool, float, int]:
        row = asked.get(one.pk)
        known = row is not None and row.answered_at is not None
        is_first = change is not None and change.before_id == one.pk
        if change is not None and row is not None and row.answered_at is not None:
            known = row.answered_at > change.at
        return not (is_first and not known), row.asked_at.timestamp() if row else 0.0, one.pk

    for one in sorted((one for one in approved if one != primary), key=order):
        days = window_for(counts[primary.pk], counts[one.pk])
        if days is not None:
            first, second = sorted((primary, one), key=lambda template: template.pk)
            return first, second, days
    return None


def of(template: MessageTemplate) -> QuerySet[TemplateComparison]:
    """Everything that was asked about a template."""
    return TemplateComparison.objects.filter(Q(template=template) | Q(other=template))


def orders(primary: MessageTemplate, *, today: date) -> dict[int, Ordered]:
    """What Meta says of the other templates beside this one, as far as it still counts."""
    found = {}
    for row in of(primary).filter(answered_at__isnull=False):
        assert row.answered_at is not None
        on = india_time.local_date(row.answered_at)
        if today - on <= VALID:
            found[_other_of(row, primary)] = Ordered(row.less_blocked_id == primary.pk, on)
    return found


def top_reason(template: MessageTemplate) -> str:
    """Why people block it, in Meta's latest word, such as SPAM; empty: Meta has not said."""
    row = of(template).filter(answered_at__isnull=False).order_by("-answered_at").first()
    return _reason_of(row, template) if row is not None else ""


def reason_in_words(reason: str) -> str:
    """Meta's word for people; one that is new stays readable."""
    return str(REASONS.get(reason, reason.replace("_", " ").lower()))


def shown(template: MessageTemplate, *, today: date) -> list[ShownComparison]:
    """The template beside each other one of its group; empty: it is in none."""
    if template.group_id is None:
        return []
    siblings = MessageTemplate.objects.filter(group_id=template.group_id).exclude(pk=template.pk)
    others = list(siblings.order_by("name", "pk"))
    counts = sends([template.pk, *(one.pk for one in others)], today=today)
    rows = {_other_of(row, template): row for row in of(template)}
    return [_shown(template, one, rows.get(one.pk), counts) for one in others]


def _shown(
    template: MessageTemplate,
    other: MessageTemplate,
    row: TemplateComparison | None,
    counts: dict[int, Sends],
) -> ShownComparison:
    if row is not None and row.answered_at is not None:
        reason = _reason_of(row, template)
        return ShownComparison(
            other,
            _answer(row, template, other),
            reason_in_words(reason),
            row.answered_at,
            row.error,
            blocked_more=row.less_blocked_id != template.pk,
            top_block_reason=reason,
            window_days=row.window_days,
        )
    both = (template, other)
    missing = sum(max(0, LEAST_SENDS - counts[one.pk][LONGEST]) for one in both)
    if window_for(*(counts[one.pk] for one in both)) is not None:
        words = _("Not asked yet. Meta is asked once a day for each group.")
        if row is not None:
            words = _("Meta has not answered yet.")
    else:
        words = _("Not measurable at this size.") + " " + _missing(both, counts)
    error = row.error if row is not None else ""
    return ShownComparison(other, words, "", None, error, missing_sends=missing)


def _answer(row: TemplateComparison, template: MessageTemplate, other: MessageTemplate) -> str:
    less = row.less_blocked_id == template.pk
    own, others = row.template_sends, row.other_sends
    if row.template_id != template.pk:
        own, others = others, own
    words = _("Blocked less than %(other)s") if less else _("Blocked more than %(other)s")
    if own is None or others is None:
        return words % {"other": other}
    words += _(" (%(own)s and %(others)s sends in %(days)s days)")
    return words % {
        "other": other,
        "own": f"{own:,}",
        "others": f"{others:,}",
        "days": row.window_days,
    }


def _missing(templates: Iterable[MessageTemplate], counts: dict[int, Sends]) -> str:
    """How many sends are missing of each, in the longest window."""
    missing = [(one, LEAST_SENDS - counts[one.pk][LONGEST]) for one in templates]
    return " ".join(
        _("%(template)s needs %(count)s more sends within %(days)s days.")
        % {"template": one, "count": f"{count:,}", "days": LONGEST}
        for one, count in missing
        if count > 0
    ) or _("Both need %(count)s sends within one window.") % {"count": f"{LEAST_SENDS:,}"}


def _other_of(row: TemplateComparison, template: MessageTemplate) -> int:
    return row.other_id if row.template_id == template.pk else row.template_id


def _reason_of(row: TemplateComparison, template: MessageTemplate) -> str:
    return row.template_reason if row.template_id == template.pk else row.other_reason
