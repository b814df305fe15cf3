"""Content in the admin: written on one page, beside its preview, its review and its history."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.decorators import display

from distribution.admin.content import views, workflow
from distribution.admin.content.form import ContentForm, initial_of
from distribution.admin.content.views import url_of
from distribution.content import approval, media
from distribution.content.approval import EDITORIAL, ApprovalError
from distribution.models import Approval, Content, ContentState, MessageTemplate, TemplateStatus
from distribution.runtime import india_time
from phonepool.cloud_api import client
from phonepool.cloud_api.media import MediaRefusedError
from subscribers.admin.read_only import ReadOnlyAdmin

STATE_COLOURS = {
    ContentState.DRAFT: "info",
    ContentState.SUBMITTED: "warning",
    ContentState.APPROVED: "success",
    ContentState.REJECTED: "danger",
    ContentState.REPLACED: "default",
}


@admin.register(Content)
class ContentAdmin(ModelAdmin):
    """One page writes and shows a content; each step of its life is a form of its own there."""

    list_display = ["day_or_fallback", "title", "state_badge", "message_template", "author"]
    list_display_links = ["day_or_fallback", "title"]
    list_filter = ["state", "is_fallback", "message_template__language"]
    list_select_related = ["message_template", "author"]
    list_before_template = "admin/distribution/content/links.html"
    list_per_page = 50
    search_fields = ["title"]
    actions = None

    @display(description="Day", ordering="day")
    def day_or_fallback(self, content: Content) -> str:
        return f"{content.day:%a %d %b %Y}" if content.day else "Fallback"

    @display(description="State", ordering="state", label=STATE_COLOURS)
    def state_badge(self, content: Content) -> tuple[str, str]:
        return content.state, content.get_state_display()

    def has_delete_permission(
        self,
        request: HttpRequest,
        obj: Content | None = None,
    ) -> bool:
        return False  # what was written and decided stays to be read

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        named = {
            "calendar/": views.calendar,
            "queue/": views.queue,
            "preview/": views.live_preview,
            "fields/": views.live_fields,
        }
        pages = [
            path(
                route,
                view(lambda request, page=page: page(self, request)),
                name=f"distribution_content_{route.rstrip('/')}",
            )
            for route, page in named.items()
        ]
        step = path(
            "<int:pk>/step/<slug:step>/",
            view(lambda request, pk, step: workflow.perform(self, request, pk, step)),
            name="distribution_content_step",
        )
        return [*pages, step, *super().get_urls()]

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return self._write(request, None)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        content = self.get_object(request, object_id)
        if content is None:
            raise Http404
        if not self.has_view_permission(request, content):
            raise PermissionDenied
        return self._write(request, content)

    def may_edit(self, request: HttpRequest, content: Content | None) -> bool:
        if content is None:
            return self.has_add_permission(request)
        return content.state in EDITORIAL and self.has_change_permission(request, content)

    def content_form(self, request: HttpRequest, content: Content | None) -> ContentForm:
        """The form for this request: bound to what was posted, else to what is stored."""
        posted = request.POST if request.method == "POST" else None
        given = request.POST.get("message_template") or request.GET.get("message_template")
        template = _template(given) or (
            content.message_template if content else _default_template()
        )
        initial: dict[str, Any] = (
            initial_of(content) if content else _initial_of_new(request, template)
        )
        return ContentForm(
            posted,
            request.FILES if posted is not None else None,
            template=template,
            today=india_time.local_date(timezone.now()),
            initial=initial,
        )

    def _write(self, request: HttpRequest, content: Content | None) -> HttpResponse:
        editable = self.may_edit(request, content)
        form = self.content_form(request, content) if editable else None
        if request.method == "POST":
            if form is None:
                raise PermissionDenied
            saved = self._save(request, form, content)
            if saved is not None:
                messages.success(request, f"“{saved.title}” is saved as a draft.")
                return HttpResponseRedirect(url_of(saved))
        return TemplateResponse(
            request,
            "admin/distribution/content/page.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": content.title if content else "New content",
                "content_object": content,
                "form": form,
                "show_back_button": True,
                **views.preview_context(request, content, form),
                **(workflow.workflow_context(request, content) if content else {}),
            },
        )

    def _save(
        self, request: HttpRequest, form: ContentForm, content: Content | None
    ) -> Content | None:
        """The saved draft, or None when the page must be shown again."""
        if form.switched():
            messages.info(request, "Another message template: fill in its variables.")
            return None
        if {"_preview", "after"} & set(request.POST) or not form.is_valid():
            return None
        now = timezone.now()
        try:
            words = form.words(content.media if content else {})
            file = form.cleaned_data.get("media_file")
            if file:
                kind = form.slots_of.header.lower()
                words["media"] = media.upload(
                    kind, file.name, file.read(), api=client.client(), now=now
                )
            return self._store(request, content, words)
        except MediaRefusedError as error:
            form.add_error("media_file", str(error))
        except ApprovalError as error:
            form.add_error(None, str(error))
        return None

    def _store(
        self, request: HttpRequest, content: Content | None, words: dict[str, Any]
    ) -> Content:
        user, now = request.user, timezone.now()
        assert user.is_authenticated
        if content is None:
            made = approval.write(by=user, now=now, **words)
            self.log_addition(request, made, [{"added": {}}])
            return made
        changed = [name for name, value in words.items() if getattr(content, name) != value]
        approval.edit(content, by=user, now=now, **words)
        self.log_change(request, content, [{"changed": {"fields": changed}}])
        return content


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    list_display = ["at", "content", "decision", "by", "reason"]
    list_filter = ["decision"]
    list_select_related = ["content", "by"]


def _template(given: str | None) -> MessageTemplate | None:
    known = MessageTemplate.objects.filter(pk=given) if given and given.isdigit() else None
    return known.first() if known is not None else None


def _default_template() -> MessageTemplate | None:
    """The message template used last, if Meta still has it as approved; else any approved one."""
    approved = MessageTemplate.objects.filter(status=TemplateStatus.APPROVED)
    return approved.order_by("-contents__pk", "name").first()


def _initial_of_new(request: HttpRequest, template: MessageTemplate | None) -> dict[str, Any]:
    """A new content's first state: a day or the fallback, as the calendar's links say."""
    return {
        "message_template": template.pk if template else None,
        "day": request.GET.get("day", ""),
        "is_fallback": request.GET.get("fallback") == "1",
    }
