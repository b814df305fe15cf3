"""What the page that confirms an action on a distribution says and shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from distribution.admin.distributions import unconfirmed
from distribution.admin.distributions.actions import DistributionAction
from distribution.content import preview
from distribution.interventions import manual_retry
from distribution.interventions.manual_retry import Preview
from distribution.lifecycle import content_choice, control
from distribution.models import Content, Distribution
from subscribers.admin.confirmed_action import Confirmation
from subscribers.admin.shown_rows import Selection
from subscribers.models import Subscriber

DETAIL = "admin/distribution/distribution/action.html"
STYLES = (
    "distribution/dashboard.css",
    "distribution/content.css",
    "distribution/pages.css",
)
SENDS = ("start", "confirm")  # show the message and how many get it
INTERRUPTS = ("cancel", "pause", "resume")  # show how many still wait


def page_of(distribution: Distribution, action: DistributionAction) -> Confirmation:
    """The page of an action, as the distribution is now."""
    found = manual_retry.preview(distribution) if action.name == "retry" else None
    content = content_choice.choose(distribution).content if action.name in SENDS else None
    rows = None
    if found is not None:
        safe = manual_retry.safe_ones(distribution.pk)
        rows = Selection(safe, ("reason",), unconfirmed.told)
    return Confirmation(
        title=f"{action.title}: {distribution}",
        consequences=[action.warning],
        button=_button(action, found),
        rows=rows,
        facts=_facts(distribution, action, content),
        lists_rows=False,
        is_dangerous=action.style == "bad",
        keep=_keep(action),
        refusal=_refusal(distribution, action, found),
        detail=DETAIL,
        styles=STYLES,
        context={
            "original": distribution,
            "distribution": distribution,
            "preview": found,
            **_counts(distribution, action, content),
        },
    )


def _facts(
    distribution: Distribution, action: DistributionAction, content: Content | None
) -> Mapping[str, str]:
    """What is acted on: refused if it changes before it is confirmed. Who still waits is no part of
    it: while it sends that changes with every message."""
    facts = {"State": str(distribution.get_state_display()), "Why": distribution.state_reason}
    if action.name in SENDS:
        facts["Content"] = f"{content}, version {content.version}" if content else "none"
        facts["Planned"] = f"{timezone.localtime(distribution.planned_at):%d %b, %H:%M %Z}"
    return facts


def _counts(
    distribution: Distribution, action: DistributionAction, content: Content | None
) -> dict[str, Any]:
    """How many people it is about at this moment, and the message as one of them gets it."""
    if action.name not in SENDS:
        is_shown = action.name in INTERRUPTS
        waiting = control.waiting(distribution.pk) if is_shown else None
        return {"waiting": waiting, "audience": None}
    people = Subscriber.objects.eligible()
    bubble = preview.bubble(content, people.order_by("pk").first()) if content else None
    return {"waiting": None, "audience": people.count(), "bubble": bubble}


def _refusal(distribution: Distribution, action: DistributionAction, found: Preview | None) -> str:
    """Why it is not possible now; empty if it is."""
    if distribution.state not in action.states:
        state = distribution.get_state_display().lower()
        words = _("This is not possible while the distribution is %(state)s.")
        return words % {"state": state}
    if found is not None and not found.safe:
        return _("No failed delivery can be retried safely.")
    return ""


def _button(action: DistributionAction, found: Preview | None) -> str:
    if found is None:
        return str(action.title)
    count = found.sizes["safe"]
    words = ngettext("Retry %(people)s delivery", "Retry %(people)s deliveries", count)
    return words % {"people": f"{count:,}"}


def _keep(action: DistributionAction) -> str:
    """The words of the way back, where "Back" could be taken for what the button does."""
    return {"cancel": _("Keep distribution"), "resume": _("Stay paused")}.get(action.name, "")
