"""The steps of a content's life as buttons: each asks its permission and is written down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin

from distribution.admin.content.views import url_of
from distribution.content import approval, staff_send, validation
from distribution.content.approval import EDITORIAL, ApprovalError
from distribution.content.staff_send import RehearsalError
from distribution.models import Content, ContentState, Decision
from masking.phones import mask_phone
from phonepool.cloud_api import client
from subscribers.models import Subscriber

APPROVE, APPROVE_LATE, TEST = "approve_content", "approve_late_content", "send_test"
WorkflowAction = Callable[[HttpRequest, Content], Content]


def may(request: HttpRequest, codename: str) -> bool:
    """Whether this user has the permission of distribution by that name."""
    return request.user.has_perm(f"distribution.{codename}")


def perform(pages: ModelAdmin, request: HttpRequest, pk: int, step: str) -> HttpResponse:
    """One step; whatever it says is shown on the content's page."""
    return _perform(request, pages=pages, pk=pk, step=step)


@require_POST
def _perform(request: HttpRequest, *, pages: ModelAdmin, pk: int, step: str) -> HttpResponse:
    content = Content.objects.select_related("message_template").filter(pk=pk).first()
    if content is None or step not in WORKFLOW_ACTIONS:
        raise Http404
    permission, act, done = WORKFLOW_ACTIONS[step]
    if not may(request, permission):
        raise PermissionDenied
    before = content.state
    try:
        shown = act(request, content)
    except (ApprovalError, RehearsalError) as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(url_of(content))
    if done:
        messages.success(request, f"“{content.title}” {done}.")
    audit = {"act": step, "reason": _reason(request), "before": {"state": before}}
    pages.log_change(request, content, [{**audit, "after": {"state": content.state}}])
    return HttpResponseRedirect(url_of(shown))


def _reason(request: HttpRequest) -> str:
    return request.POST.get("reason", "").strip()[:500]


def _submit(request: HttpRequest, content: Content) -> Content:
    approval.submit(content, by=_user(request), now=timezone.now())
    return content


def _approve(request: HttpRequest, content: Content) -> Content:
    now = timezone.now()
    if approval.is_late(content, now) and not may(request, APPROVE_LATE):
        raise ApprovalError(
            "The deadline was the evening before, and you may not approve late: "
            "ask somebody who may, or let the fallback go out."
        )
    approval.approve(content, by=_user(request), now=now, reason=_reason(request))
    return content


def _reject(request: HttpRequest, content: Content) -> Content:
    approval.reject(content, by=_user(request), now=timezone.now(), reason=_reason(request))
    return content


def _new_version(request: HttpRequest, content: Content) -> Content:
    return approval.new_version(content, by=_user(request), now=timezone.now())


def _choose_fallback(request: HttpRequest, content: Content) -> Content:
    approval.choose_fallback(content, by=_user(request), now=timezone.now())
    return content


def _send_test(request: HttpRequest, content: Content) -> Content:
    places = [int(place) for place in request.POST.getlist("phone") if place.isdigit()]
    known = settings.TEST_RECIPIENTS
    phones = [known[place] for place in dict.fromkeys(places) if place < len(known)]
    key = request.POST.get("person", "")
    people = Subscriber.objects.eligible().order_by("pk")
    person = people.filter(pk=key).first() if key.isdigit() and len(key) < 18 else people.first()
    person = person or Subscriber(phone="+910000000000", name="Asha Rao")
    for heard in staff_send.send(content, person, phones, api=client.client()):
        tell = messages.success if heard.accepted else messages.error
        tell(request, f"Test to {heard.phone}: {heard.words}")
    return content


WORKFLOW_ACTIONS: dict[str, tuple[str, WorkflowAction, str]] = {
    "submit": ("change_content", _submit, "waits for review now"),
    "approve": (APPROVE, _approve, "is approved"),
    "reject": (APPROVE, _reject, "went back to its author"),
    "new-version": ("add_content", _new_version, "has a new version: edit and submit it"),
    "choose-fallback": (APPROVE, _choose_fallback, "is the fallback from now on"),
    "test": (TEST, _send_test, ""),
}


def workflow_context(request: HttpRequest, content: Content) -> dict[str, Any]:
    """What the page says about where the content stands, and which steps it offers."""
    now, state = timezone.now(), content.state
    workers = content.approvals.filter(decision__in=[Decision.EDITED, Decision.SUBMITTED])
    own = content.author_id == request.user.pk or workers.filter(by_id=request.user.pk).exists()
    waiting, late = state == ContentState.SUBMITTED, approval.is_late(content, now)
    return {
        "history": content.approvals.select_related("by").order_by("-at", "-pk"),
        "findings": validation.findings(content) if state in EDITORIAL else [],
        "deadline": approval.deadline(content.day) if content.day else None,
        "late": late and state not in (ContentState.APPROVED, ContentState.REPLACED),
        "template_changed": approval.template_changed(content),
        "media_expires": validation.media_expires(content),
        "newer": content.newer_versions.all(),
        "is_chosen": state == ContentState.APPROVED and Content.objects.fallback() == content,
        "own": own,
        "may_submit": state == ContentState.DRAFT
        and content.author_id == request.user.pk
        and may(request, "change_content"),
        "may_decide": waiting and not own and may(request, APPROVE),
        "may_approve": waiting and not own and (not late or may(request, APPROVE_LATE)),
        "waits_for_another": waiting and own,
        "may_renew": state == ContentState.APPROVED and may(request, "add_content"),
        "may_choose": state == ContentState.APPROVED
        and content.is_fallback
        and may(request, APPROVE),
        "may_test": may(request, TEST),
        "test_phones": [mask_phone(phone) for phone in settings.TEST_RECIPIENTS],
    }


def _user(request: HttpRequest) -> Any:
    assert request.user.is_authenticated  # the admin's own door saw to it
    return request.user
