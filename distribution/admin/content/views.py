"""Views of content besides its page: preview, calendar and review queue."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin

from distribution.admin.content.form import ContentForm, form_for
from distribution.cached import audience
from distribution.content import (
    approval,
    outlook,
    preview,
    second_person,
    submission,
    template_schema,
    validation,
)
from distribution.content import calendar as content_calendar
from distribution.content.outlook import Outlook
from distribution.content.preview import Bubble
from distribution.models import Content, ContentState
from distribution.runtime import india_time
from masking.phones import mask_phone
from subscribers import shown_part
from subscribers.admin.page_frame import OwnPages, framed, staff_user
from subscribers.models import Subscriber
from subscribers.whole_numbers import whole_number

TEMPLATE_FOLDER = "admin/distribution/content"
QUEUE_LIMIT = 50  # contents on the page


class ContentViews(OwnPages, ModelAdmin):
    """The live preview, the calendar and the review queue."""

    @method_decorator(require_POST)
    def live_preview(self, request: HttpRequest) -> HttpResponse:
        """The preview of the form as it is now; nothing is saved."""
        return self._fragment(request, "preview")

    @method_decorator(require_POST)
    def live_fields(self, request: HttpRequest) -> HttpResponse:
        """The fields of the message template just chosen."""
        return self._fragment(request, "fields")

    def _fragment(self, request: HttpRequest, fragment: str) -> HttpResponse:
        if not (self.has_add_permission(request) or self.has_change_permission(request)):
            raise PermissionDenied
        pk = whole_number(request.GET.get("content", ""))
        content = Content.objects.filter(pk=pk).first() if pk else None
        form = form_for(request, content)
        data = request.POST.copy()
        # Remarks are swapped into the shown fields, which are not those of another template.
        chosen = str(form.template.pk) if form.template else ""
        live = data.get("fields_of", "") == chosen
        data["fields_of"] = chosen
        form.data = data
        context = {"form": form, "content_object": content, "live": live or fragment == "fields"}
        if fragment == "preview":
            context |= preview_context(request, content, form)
            context["may_test"] = request.user.has_perm("distribution.send_test")
        return TemplateResponse(request, f"{TEMPLATE_FOLDER}/{fragment}.html", context)

    def calendar(self, request: HttpRequest) -> HttpResponse:
        """The next five weeks, or a month: approved content, content in review, and gaps."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        now = timezone.now()
        asked = _month(request.GET.get("month", ""))
        month = asked or india_time.local_date(now).replace(day=1)
        return framed(
            self,
            request,
            f"{TEMPLATE_FOLDER}/calendar.html",
            title=f"{_('Calendar')}: {month:%B %Y}"
            if asked
            else _("Calendar: the next five weeks"),
            weeks=content_calendar.weeks(month, now=now)
            if asked
            else content_calendar.coming_weeks(now),
            month=asked,
            before=month - timedelta(days=1) if asked else month,
            after=month + timedelta(days=32),
            next_gap=content_calendar.next_gap(now),
            fallback=Content.objects.fallback(),
            may_add=self.has_add_permission(request),
            latest=submission.latest(now),
        )

    def queue(self, request: HttpRequest) -> HttpResponse:
        """Contents that wait for a decision, the nearest day first."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        now = timezone.now()
        submitted = Content.objects.filter(state=ContentState.SUBMITTED).order_by("day", "pk")
        rows = submitted.select_related("message_template", "author", "replaces")
        part = shown_part.of(rows, QUEUE_LIMIT, start=shown_part.start_of(request))
        person = _person(request, audience.languages())
        waiting = [
            {
                "content": content,
                "bubble": preview.kept_bubble(content, person),
                "deadline": approval.deadline(content.day) if content.day else None,
                "late": approval.is_late(content, now),
                "own": bool(second_person.part_in(content, staff_user(request))),
                "rivals": submission.rivals(content),
                "url": url_of(content),
            }
            for content in part.rows
        ]
        template = f"{TEMPLATE_FOLDER}/queue.html"
        may_decide = request.user.has_perm("distribution.approve_content")
        context = {"waiting": waiting, "part": part, "may_decide": may_decide}
        return framed(self, request, template, title=_("Waiting for review"), **context)


def url_of(content: Content) -> str:
    """The address of a content's page."""
    return reverse("admin:distribution_content_change", args=[content.pk])


def preview_context(
    request: HttpRequest, content: Content | None, form: ContentForm | None
) -> dict[str, Any]:
    """The message as one person sees it, and in their language if the template has it."""
    audiences = audience.languages()
    person = _person(request, audiences)
    bubble, own_language = _bubbles(content, form, person)
    return {
        "audiences": audiences,
        "person": person,
        "person_phone": mask_phone(person.phone) if person else "",
        "bubble": bubble,
        "other_bubble": own_language,
        "other_language": bool(bubble and person and person.language != bubble.language),
        "outlook": _outlook(content, form),
    }


def _outlook(content: Content | None, form: ContentForm | None) -> Outlook | None:
    """What the message costs and risks, as it is typed or stored."""
    today = india_time.local_date(timezone.now())
    if form is None:
        return outlook.of_content(content, today=today) if content else None
    if form.template is None:
        return None
    wording = template_schema.parse(form.template.components)
    on = content.day if content and content.day else today
    return outlook.of_texts(form.template, wording, form.texts(), on=on)


def _bubbles(
    content: Content | None, form: ContentForm | None, person: Subscriber | None
) -> tuple[Bubble | None, Bubble | None]:
    template = form.template if form else content.message_template if content else None
    if template is None:
        return None, None
    wording = template_schema.parse(template.components)
    if form is not None:
        texts, file = form.texts(), _file_name(content, form)
    else:
        assert content is not None
        texts = validation.texts_of(content, wording)
        file = str(content.media.get("filename", ""))
    bubble = preview.draw(template, wording, texts, person, file=file)
    sibling = preview.language_versions(template).get(person.language) if person else None
    if sibling is None or sibling.pk == template.pk:
        return bubble, None
    sibling_wording = template_schema.parse(sibling.components)
    return bubble, preview.draw(sibling, sibling_wording, texts, person, file=file)


def _file_name(content: Content | None, form: ContentForm) -> str:
    chosen = form.files.get("media_file") if form.is_bound else None
    if chosen is not None:
        return chosen.name or ""
    media = content.media if content else {}
    is_same_kind = media.get("type") == form.slots_of.header.lower()
    return str(media.get("filename", "")) if is_same_kind else ""


def _person(request: HttpRequest, audiences: list[audience.LanguageAudience]) -> Subscriber | None:
    """The requested or the next person of the language; else the first of the largest audience."""
    params = request.POST if request.method == "POST" else request.GET
    people = Subscriber.objects.eligible()
    known = {audience.language for audience in audiences}
    language = params.get("language", "")
    if language in known:
        people = people.filter(language=language)
    after = whole_number(params.get("after", "") or params.get("person", ""))
    if after is not None:
        matches = people.filter(pk__gt=after) if params.get("after") else people.filter(pk=after)
        person = matches.order_by("pk").first()
        if person is not None:
            return person
    if language in known or not audiences:
        return people.order_by("pk").first()
    return people.filter(pk=audiences[0].first).first()


def _month(text: str) -> date | None:
    match = re.fullmatch(r"(20\d\d)-(0[1-9]|1[0-2])", text)
    return date(int(match[1]), int(match[2]), 1) if match else None
