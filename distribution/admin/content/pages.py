"""Content in the admin: one page with its form, preview, workflow actions and history."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from unfold.decorators import display

from distribution.admin.content import shown, views, workflow
from distribution.admin.content.form import ContentForm, form_for
from distribution.admin.content.views import ContentViews, url_of
from distribution.content import approval, media, outlook
from distribution.content.approval import EDITORIAL, ApprovalError, ChangedSinceError
from distribution.models import Approval, Content, ContentState
from distribution.runtime import india_time
from phonepool.cloud_api import client
from phonepool.cloud_api.media import MediaRefusedError
from subscribers.admin import form_keys, shown_version
from subscribers.admin.form_keys import SentBeforeError
from subscribers.admin.page_frame import framed, staff_user, viewable_row
from subscribers.admin.read_only import NeverDeleted, ReadOnlyAdmin
from subscribers.admin.shown_version import Difference

SUBMIT = "_submit"  # the button that saves and submits
STATE_COLOURS = {
    ContentState.DRAFT: "info",
    ContentState.SUBMITTED: "warning",
    ContentState.APPROVED: "success",
    ContentState.REJECTED: "danger",
    ContentState.REPLACED: "default",
}


@admin.register(Content)
class ContentAdmin(NeverDeleted, ContentViews):
    """One page writes and shows a content; each workflow action is a separate form there.

    Contents and decisions are evidence: they are never deleted.
    """

    list_display = ["day_or_fallback", "title", "state_badge", "message_template", "author"]
    list_display_links = ["day_or_fallback", "title"]
    list_filter = ["state", "is_fallback", "message_template__language"]
    list_select_related = ["message_template", "author"]
    list_before_template = "admin/distribution/content/links.html"
    list_per_page = 50
    search_fields = ["title"]
    actions = None
    pages = {
        "calendar/": ("calendar", "distribution_content_calendar"),
        "queue/": ("queue", "distribution_content_queue"),
        "preview/": ("live_preview", "distribution_content_preview"),
        "fields/": ("live_fields", "distribution_content_fields"),
        "<int:pk>/step/<slug:step>/": ("step_view", "distribution_content_step"),
    }

    @display(description="Day", ordering="day")
    def day_or_fallback(self, content: Content) -> str:
        return f"{content.day:%a %d %b %Y}" if content.day else "Fallback"

    @display(description="State", ordering="state", label=STATE_COLOURS)
    def state_badge(self, content: Content) -> tuple[str, str]:
        return content.state, content.get_state_display()

    def add_view(self, request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return self._write(request, None)

    def change_view(
        self, request: HttpRequest, object_id: str, *_args: Any, **_kwargs: Any
    ) -> HttpResponse:
        return self._write(request, viewable_row(self, request, object_id))

    @method_decorator(require_POST)
    def step_view(self, request: HttpRequest, pk: int, step: str) -> HttpResponse:
        return workflow.perform(self, request, pk, step, page=self.page)

    def may_edit(self, request: HttpRequest, content: Content | None) -> bool:
        if content is None:
            return self.has_add_permission(request)
        return content.state in EDITORIAL and self.has_change_permission(request, content)

    def _write(self, request: HttpRequest, content: Content | None) -> HttpResponse:
        form = form_for(request, content) if self._takes_text(request, content) else None
        if request.method != "POST":
            return self.page(request, content, form)
        if form is None:
            raise PermissionDenied
        if (earlier := form_keys.earlier_result(request)) is not None:
            return earlier
        changed = shown.difference(request, content) if content else None
        if changed is None:
            try:
                saved = self._save(request, form, content)
            except ChangedSinceError:  # at this very moment
                assert content is not None
                content.refresh_from_db()
                changed = shown.difference(request, content)
            else:
                if saved is not None:
                    return saved
        return self.page(request, content, form, changed=changed)

    def _takes_text(self, request: HttpRequest, content: Content | None) -> bool:
        """Whether to show the form: also if the content was submitted while this form was open."""
        if self.may_edit(request, content):
            return True
        written = request.method == "POST" and shown_version.FIELD in request.POST
        return written and self.has_change_permission(request, content)

    def page(
        self,
        request: HttpRequest,
        content: Content | None,
        form: ContentForm | None,
        *,
        changed: Difference | None = None,
        reason: str = "",
    ) -> HttpResponse:
        """The page of a content; with `changed`, why what was posted is not done, status 409."""
        response = framed(
            self,
            request,
            "admin/distribution/content/page.html",
            title=content.title if content else _("New content"),
            content_object=content,
            form=form,
            may_save=self.may_edit(request, content),
            changed=changed,
            reason=reason,
            show_back_button=True,
            **views.preview_context(request, content, form),
            **(workflow.workflow_context(request, content) if content else {}),
        )
        response.status_code = 200 if changed is None else 409
        return response

    def _save(
        self, request: HttpRequest, form: ContentForm, content: Content | None
    ) -> HttpResponse | None:
        """The way to the saved draft, or None when the page must be shown again."""
        if form.switched():
            messages.info(request, _("You changed the message template. Fill in its variables."))
            return None
        if {"_preview", "after"} & set(request.POST) or not form.is_valid():
            return None
        now = timezone.now()
        try:
            form_keys.check(request)  # an upload to Meta follows
            fields = form.content_fields(content.media if content else {})
            file = form.cleaned_data.get("media_file")
            if file:
                kind = form.slots_of.header.lower()
                fields["media"] = media.upload(
                    kind, file.name, file.read(), api=client.client(), now=now
                )
            return form_keys.once(request, lambda: self._store(request, content, fields))
        except SentBeforeError as error:
            if error.earlier.same:
                return form_keys.first_result(request, error.earlier)
            form.add_error(None, str(error))
            form_keys.marked(request, error)
        except MediaRefusedError as error:
            form.add_error("media_file", str(error))
        except ChangedSinceError:
            raise
        except ApprovalError as error:
            form.add_error(None, str(error))
        return None

    def _store(
        self, request: HttpRequest, content: Content | None, fields: dict[str, Any]
    ) -> HttpResponse:
        user, now = staff_user(request), timezone.now()
        if content is None:
            created = approval.write(by=user, now=now, **fields)
            self.log_addition(request, created, [{"added": {}}])
            return self._saved(request, created)
        changed = [name for name, value in fields.items() if getattr(content, name) != value]
        is_own_draft = content.state == ContentState.DRAFT and content.author_id == user.pk
        if changed or not is_own_draft or SUBMIT not in request.POST:
            approval.edit(content, by=user, now=now, **fields)
            self.log_change(request, content, [{"changed": {"fields": changed}}])
        return self._saved(request, content)

    def _saved(self, request: HttpRequest, content: Content) -> HttpResponse:
        """The way to the draft, submitted as well if that was the button."""
        if SUBMIT in request.POST:
            self._submit(request, content)
        else:
            messages.success(request, _("“%(title)s” saved as a draft.") % {"title": content.title})
        return HttpResponseRedirect(url_of(content))

    def _submit(self, request: HttpRequest, content: Content) -> None:
        """What is typed is saved in any case; what keeps it from being submitted is told."""
        now = timezone.now()
        try:
            approval.submit(content, by=staff_user(request), now=now)
        except ApprovalError as error:
            words = _("“%(title)s” saved as a draft, but not submitted: %(why)s")
            messages.error(request, words % {"title": content.title, "why": error})
            return
        before, after = {"state": ContentState.DRAFT}, {"state": content.state}
        self.log_change(request, content, [{"act": "submit", "before": before, "after": after}])
        words = _("“%(title)s” submitted for review.")
        messages.success(request, words % {"title": content.title})
        if warning := outlook.warning(content, today=india_time.local_date(now)):
            messages.warning(request, warning)


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    ordering = ["-at", "-pk"]
    list_display = ["at", "content", "decision", "by", "reason"]
    list_filter = ["decision"]
    list_select_related = ["content", "by"]
