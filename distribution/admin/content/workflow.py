"""The workflow actions on a content, from submit to choosing the fallback; each is logged."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin

from distribution.admin.content import shown
from distribution.admin.content.views import url_of
from distribution.content import (
    approval,
    comparison,
    outlook,
    second_person,
    staff_send,
    submission,
    validation,
)
from distribution.content.approval import EDITORIAL, ApprovalError, ChangedSinceError
from distribution.content.staff_send import StaffSendError
from distribution.models import Content, ContentState
from distribution.reporting import planned
from distribution.runtime import india_time
from masking.phones import mask_phone
from phonepool.cloud_api import client
from subscribers.admin import form_keys, shown_version
from subscribers.admin.form_keys import SentBeforeError
from subscribers.admin.page_frame import staff_user
from subscribers.models import Subscriber
from subscribers.whole_numbers import whole_number

APPROVE, APPROVE_LATE, TEST = "approve_content", "approve_late_content", "send_test"
ADD, CHANGE = "add_content", "change_content"
REASON_LIMIT = 500  # characters


@dataclass(frozen=True, slots=True)
class WorkflowAction:
    """One button on a content's page."""

    permissions: tuple[str, ...]  # codenames in the app distribution; one of them is enough
    perform: Callable[
        [HttpRequest, Content], Content | None
    ]  # the content to show next, if another
    result: Any  # lazy words with “%(title)s”; empty when `perform` shows its own messages
    decides: bool = False  # on what was displayed: refused unless the form names that
    over_the_network: bool = False  # so not in a transaction
    creates: bool = False  # so that its repetition is no error: the others leave a state


def may(request: HttpRequest, codename: str) -> bool:
    """Whether the user has this permission of the app distribution."""
    return request.user.has_perm(f"distribution.{codename}")


def perform(
    pages: ModelAdmin,
    request: HttpRequest,
    pk: int,
    name: str,
    *,
    page: Callable[..., HttpResponse],
) -> HttpResponse:
    """Perform one action on what its form displayed; its result is shown on the content's page.

    `page` renders that page, as `ContentAdmin.page` does.
    """
    content = Content.objects.select_related("message_template").filter(pk=pk).first()
    action = WORKFLOW_ACTIONS.get(name)
    if content is None or action is None:
        raise Http404
    if not any(may(request, permission) for permission in action.permissions):
        raise PermissionDenied
    if (earlier := form_keys.earlier_result(request)) is not None:
        return earlier
    if action.decides or shown_version.FIELD in request.POST:
        changed = shown.difference(request, content)
        if changed is not None:
            return _look_again(page, request, pk)
    try:
        if action.over_the_network:
            return _perform(pages, request, content, name)
        done = form_keys.once(
            request,
            lambda: _perform(pages, request, content, name),
            by_values=action.creates,
        )
        assert done is not None
        return done
    except ChangedSinceError:  # at this very moment
        return _look_again(page, request, pk)
    except SentBeforeError as error:  # a version was written a moment ago
        return form_keys.first_result(request, error.earlier, str(error))
    except (ApprovalError, StaffSendError) as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(url_of(content))


def _perform(pages: ModelAdmin, request: HttpRequest, content: Content, name: str) -> HttpResponse:
    action, before = WORKFLOW_ACTIONS[name], content.state
    following = action.perform(request, content) or content
    if action.result:
        messages.success(request, action.result % {"title": content.title})
    audit = {"act": name, "reason": _reason(request), "before": {"state": before}}
    pages.log_change(request, content, [{**audit, "after": {"state": content.state}}])
    return HttpResponseRedirect(url_of(following))


def _look_again(page: Callable[..., HttpResponse], request: HttpRequest, pk: int) -> HttpResponse:
    """The page as it is now, with what changed since the form was displayed, and the reason."""
    content = Content.objects.select_related("message_template").get(pk=pk)
    changed = shown.difference(request, content)
    return page(request, content, None, changed=changed, reason=_reason(request))


def _reason(request: HttpRequest) -> str:
    return request.POST.get("reason", "").strip()[:REASON_LIMIT]


def _submit(request: HttpRequest, content: Content) -> None:
    now = timezone.now()
    approval.submit(content, by=staff_user(request), now=now)
    if warning := outlook.warning(content, today=india_time.local_date(now)):
        messages.warning(request, warning)


def _withdraw(request: HttpRequest, content: Content) -> None:
    submission.withdraw(content, by=staff_user(request), now=timezone.now())


def _comment(request: HttpRequest, content: Content) -> None:
    by, now = staff_user(request), timezone.now()
    submission.comment(content, by=by, now=now, text=_reason(request))


def _duplicate(request: HttpRequest, content: Content) -> Content:
    return submission.duplicate(
        content, by=staff_user(request), now=timezone.now(), day=_day(request)
    )


def _day(request: HttpRequest) -> date | None:
    """The day that the calendar asks for; None: the next that lacks content."""
    with suppress(ValueError):
        return date.fromisoformat(request.POST.get("day", ""))
    return None


def _approve(request: HttpRequest, content: Content) -> None:
    now = timezone.now()
    if approval.is_late(content, now) and not may(request, APPROVE_LATE):
        raise ApprovalError(
            _(
                "The approval deadline has passed and your role cannot approve late. Ask someone "
                "who can, or let the fallback go out."
            )
        )
    approval.approve(content, by=staff_user(request), now=now, reason=_reason(request))


def _reject(request: HttpRequest, content: Content) -> None:
    reason = _reason(request)
    approval.reject(content, by=staff_user(request), now=timezone.now(), reason=reason)


def _new_version(request: HttpRequest, content: Content) -> Content:
    return approval.new_version(content, by=staff_user(request), now=timezone.now())


def _choose_fallback(request: HttpRequest, content: Content) -> None:
    approval.choose_fallback(content, by=staff_user(request), now=timezone.now())


def _send_test(request: HttpRequest, content: Content) -> None:
    recipients = settings.TEST_RECIPIENTS
    indexes = map(whole_number, request.POST.getlist("phone"))
    chosen = [index for index in indexes if index is not None and index < len(recipients)]
    phones = [recipients[index] for index in dict.fromkeys(chosen)]
    pk = whole_number(request.POST.get("person", ""))
    people = Subscriber.objects.eligible().order_by("pk")
    person = people.filter(pk=pk).first() if pk is not None else people.first()
    person = person or Subscriber(phone="+910000000000", name="Asha Rao")
    for answer in staff_send.send(content, person, phones, api=client.client()):
        show = messages.success if answer.accepted else messages.error
        show(
            request,
            _("Test to %(phone)s: %(result)s")
            % {
                "phone": answer.phone,
                "result": answer.words,
            },
        )


WORKFLOW_ACTIONS = {
    "submit": WorkflowAction((CHANGE,), _submit, gettext_lazy("“%(title)s” submitted for review.")),
    "withdraw": WorkflowAction(
        (CHANGE,), _withdraw, gettext_lazy("“%(title)s” withdrawn. You can edit it again.")
    ),
    "comment": WorkflowAction(
        (APPROVE, CHANGE), _comment, gettext_lazy("Comment added."), creates=True
    ),
    "approve": WorkflowAction(
        (APPROVE,), _approve, gettext_lazy("“%(title)s” approved."), decides=True
    ),
    "reject": WorkflowAction(
        (APPROVE,), _reject, gettext_lazy("“%(title)s” rejected."), decides=True
    ),
    "new-version": WorkflowAction(
        (ADD,),
        _new_version,
        gettext_lazy("New version of “%(title)s” created. Edit it, then submit it for review."),
        creates=True,
    ),
    "duplicate": WorkflowAction(
        (ADD,),
        _duplicate,
        gettext_lazy("“%(title)s” duplicated. Check the date before you submit it."),
        creates=True,
    ),
    "choose-fallback": WorkflowAction(
        (APPROVE,),
        _choose_fallback,
        gettext_lazy("“%(title)s” is now the fallback."),
        decides=True,
    ),
    "test": WorkflowAction((TEST,), _send_test, "", over_the_network=True),
}


def workflow_context(request: HttpRequest, content: Content) -> dict[str, Any]:
    """The state of the content, and the actions that the user may perform."""
    now, state, user = timezone.now(), content.state, staff_user(request)
    own = bool(second_person.part_in(content, user))
    following = submission.next_to_review(user) if may(request, APPROVE) else None
    waiting, late = state == ContentState.SUBMITTED, approval.is_late(content, now)
    return {
        "shown_version": shown_version.seal(shown.of(content)),
        "history": content.approvals.select_related("by", "token__created_by").order_by(
            "-at", "-pk"
        ),
        "findings": validation.content_problems(content) if state in EDITORIAL else [],
        "deadline": approval.deadline(content.day) if content.day else None,
        "late": late and state not in (ContentState.APPROVED, ContentState.REPLACED),
        "template_changed": approval.template_changed(content),
        "media_expires": validation.media_expires(content),
        "newer": content.newer_versions.all(),
        "is_chosen": state == ContentState.APPROVED and Content.objects.fallback() == content,
        "own": own,
        "rivals": submission.rivals(content),
        "compared": comparison.with_current(content) if state != ContentState.APPROVED else None,
        "plan": planned.of_content(content, now=now) if waiting else None,
        "next_to_review": following if following != content else None,
        "may_withdraw": waiting and content.author_id == user.pk and may(request, CHANGE),
        "may_comment": may(request, APPROVE) or may(request, CHANGE),
        "may_duplicate": may(request, ADD),
        "may_decide": waiting and not own and may(request, APPROVE),
        "may_approve": waiting and not own and (not late or may(request, APPROVE_LATE)),
        "waits_for_another": waiting and own,
        "may_renew": state == ContentState.APPROVED and may(request, ADD),
        "may_choose": state == ContentState.APPROVED
        and content.is_fallback
        and may(request, APPROVE),
        "may_test": may(request, TEST),
        "test_phones": [mask_phone(phone) for phone in settings.TEST_RECIPIENTS],
    }
