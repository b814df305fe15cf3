"""Unconfirmed deliveries in the admin: their list, and a person's decision on each."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from distribution.interventions import unconfirmed
from distribution.interventions.rules import InterventionError
from distribution.ledger.reasons import explain
from distribution.models import Delivery, Distribution
from masking.phones import mask_phone
from subscribers import shown_part
from subscribers.admin.confirmed_action import Confirmation, confirm, log_action
from subscribers.admin.page_frame import staff_user
from subscribers.admin.shown_rows import Selection
from subscribers.whole_numbers import whole_number

ROWS_LIMIT = 200  # on the page, and in one decision
DECISIONS = {"resend": _("Send again"), "leave": _("Leave as unconfirmed")}
WARNINGS = {
    "resend": _(
        "Each of these people may get the same message twice: the first one may have arrived. "
        "Your name and reason are recorded."
    ),
    "leave": _("They stay unconfirmed and leave this list. Nothing is sent."),
}


def list_context(request: HttpRequest, distribution: Distribution) -> dict[str, Any]:
    """The context of the list: the oldest first, phones masked."""
    listed = unconfirmed.listed(distribution)
    part = shown_part.of(listed, ROWS_LIMIT, start=shown_part.start_of(request))
    rows = [(row, mask_phone(row.phone), explain(row.reason).words) for row in part.rows]
    return {"rows": rows, "part": part}


def decision_page(
    admin: ModelAdmin[Any],
    request: HttpRequest,
    distribution: Distribution,
) -> HttpResponseBase:
    """Confirm with a reason, then decide on each of the chosen; refusals are shown one by one."""
    if not request.user.has_perm(unconfirmed.PERMISSION):
        raise PermissionDenied
    params = request.POST if request.method == "POST" else request.GET
    decision = params.get("what", "")
    pks = [pk for word in params.getlist("pk") if (pk := whole_number(word))]
    back = reverse("admin:distribution_doubts", args=[distribution.pk])
    if len(pks) > ROWS_LIMIT:
        too_many = f"Select up to {ROWS_LIMIT} people. Nothing was done."
        admin.message_user(request, too_many, messages.WARNING)
        return redirect(back)
    rows = unconfirmed.listed(distribution).filter(pk__in=pks)
    is_sent = request.method == "POST"
    if decision not in DECISIONS or not (is_sent or rows.exists()):
        admin.message_user(request, "Select at least one person first.", messages.WARNING)
        return redirect(back)

    def act(chosen: list[int], reason: str) -> None:
        _apply_decision(admin, request, distribution, decision, chosen, reason)

    return confirm(
        admin,
        request,
        Confirmation(
            title=f"{DECISIONS[decision]}: {distribution}",
            consequences=[WARNINGS[decision]],
            button=str(DECISIONS[decision]),
            rows=Selection(rows, ("attempt_no", "reason"), told),
            is_dangerous=decision == "resend",
            context={"original": distribution},
        ),
        act,
        back=back,
        hidden=[("what", decision), *(("pk", pk) for pk in pks)],
    )


def told(delivery: Delivery) -> str:
    """A delivery in a list of those that a person decides on."""
    return f"{delivery.subscriber.name} {mask_phone(delivery.phone)}".strip()


def _apply_decision(
    admin: ModelAdmin[Any],
    request: HttpRequest,
    distribution: Distribution,
    decision: str,
    pks: list[int],
    reason: str,
) -> None:
    decide = unconfirmed.resend if decision == "resend" else unconfirmed.leave
    by, done, refused = staff_user(request), [], set()
    for pk in pks:
        try:
            decide(pk, by=by, reason=reason, now=timezone.now())
        except InterventionError as error:
            refused.add(str(error))
        else:
            done.append(pk)
    after = {"deliveries": done, "refused": sorted(refused)}
    act = f"Unconfirmed: {str(DECISIONS[decision]).lower()}"
    log_action(admin, request, distribution, act, reason=reason, before={}, after=after)
    if done:
        admin.message_user(request, f"{DECISIONS[decision]}: {len(done)}.", messages.SUCCESS)
    for sentence in sorted(refused):
        admin.message_user(request, sentence, messages.ERROR)
