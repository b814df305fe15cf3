"""The pages around a content: its preview, the calendar and the review queue."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any, Protocol

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from distribution.admin.content.form import ContentForm
from distribution.content import approval, preview, template_schema, validation
from distribution.content import calendar as content_calendar
from distribution.content.preview import Audience, Bubble
from distribution.models import Content, ContentState
from distribution.runtime import india_time
from masking.phones import mask_phone
from subscribers.models import Subscriber

TEMPLATE_FOLDER = "admin/distribution/content"


class ContentPages(Protocol):
    """What these views need of the content's model admin."""

    admin_site: AdminSite
    opts: Any

    def content_form(self, request: HttpRequest, content: Content | None) -> ContentForm: ...
    def has_add_permission(self, request: HttpRequest) -> bool: ...
    def has_change_permission(self, request: HttpRequest) -> bool: ...
    def has_view_permission(self, request: HttpRequest) -> bool: ...


def url_of(content: Content) -> str:
    """Where a content is shown."""
    return reverse("admin:distribution_content_change", args=[content.pk])


def preview_context(
    request: HttpRequest, content: Content | None, form: ContentForm | None
) -> dict[str, Any]:
    """The bubble, whose it is, and the same in that person's language if there is one."""
    audiences = preview.audiences()
    person = _person(request, audiences)
    bubble, other = _bubbles(content, form, person)
    return {
        "audiences": audiences,
        "person": person,
        "person_phone": mask_phone(person.phone) if person else "",
        "bubble": bubble,
        "other_bubble": other,
        "other_language": bool(bubble and person and person.language != bubble.language),
    }


def _bubbles(
    content: Content | None, form: ContentForm | None, person: Subscriber | None
) -> tuple[Bubble | None, Bubble | None]:
    template = form.template if form else content.message_template if content else None
    if template is None:
        return None, None
    wording = template_schema.read(template.components)
    if form is not None:
        texts, file = form.texts(), _file_name(content, form)
    else:
        assert content is not None
        texts = validation.texts_of(content, wording)
        file = str(content.media.get("filename", ""))
    bubble = preview.draw(template, wording, texts, person, file=file)
    theirs = preview.siblings(template).get(person.language) if person else None
    if theirs is None or theirs.pk == template.pk:
        return bubble, None
    other = template_schema.read(theirs.components)
    return bubble, preview.draw(theirs, other, texts, person, file=file)


def _file_name(content: Content | None, form: ContentForm) -> str:
    chosen = form.files.get("media_file") if form.is_bound else None
    if chosen is not None:
        return chosen.name or ""
    media = content.media if content else {}
    same = media.get("type") == form.slots_of.header.lower()
    return str(media.get("filename", "")) if same else ""


def _person(request: HttpRequest, audiences: list[Audience]) -> Subscriber | None:
    """The one asked for, else the next of the language, else the first of the largest."""
    asked = request.POST if request.method == "POST" else request.GET
    people = Subscriber.objects.eligible()
    known = {audience.language for audience in audiences}
    language = asked.get("language", "")
    if language in known:
        people = people.filter(language=language)
    after = asked.get("after", "") or asked.get("person", "")
    if after.isdigit() and len(after) < 18:
        beyond = people.filter(pk__gt=int(after)) if asked.get("after") else people.filter(pk=after)
        found = beyond.order_by("pk").first()
        if found is not None:
            return found
    if language in known or not audiences:
        return people.order_by("pk").first()
    return people.filter(pk=audiences[0].first).first()


@require_POST
def _post_only(request: HttpRequest, *, pages: ContentPages, piece: str) -> HttpResponse:
    return _fragment(pages, request, piece)


def live_preview(pages: ContentPages, request: HttpRequest) -> HttpResponse:
    """The preview of what stands in the form now; nothing is saved."""
    return _post_only(request, pages=pages, piece="preview")


def live_fields(pages: ContentPages, request: HttpRequest) -> HttpResponse:
    """The fields of the message template that was just chosen."""
    return _post_only(request, pages=pages, piece="fields")


def _fragment(pages: ContentPages, request: HttpRequest, piece: str) -> HttpResponse:
    if not (pages.has_add_permission(request) or pages.has_change_permission(request)):
        raise PermissionDenied
    key = request.GET.get("content", "")
    content = Content.objects.filter(pk=key).first() if key.isdigit() else None
    form = pages.content_form(request, content)
    data = request.POST.copy()
    # Remarks go beside the fields on the page; those of another message template are not there.
    live = data.get("fields_of", "") == (str(form.template.pk) if form.template else "")
    data["fields_of"] = str(form.template.pk) if form.template else ""
    form.data = data
    context = {"form": form, "content_object": content, "live": live or piece == "fields"}
    if piece == "preview":
        context |= preview_context(request, content, form)
        context["may_test"] = request.user.has_perm("distribution.send_test")
    return TemplateResponse(request, f"{TEMPLATE_FOLDER}/{piece}.html", context)


def calendar(pages: ContentPages, request: HttpRequest) -> HttpResponse:
    """A month of mornings: what will be said, what waits, and where nothing is."""
    if not pages.has_view_permission(request):
        raise PermissionDenied
    now = timezone.now()
    month = _month(request.GET.get("month", "")) or india_time.local_date(now).replace(day=1)
    weeks = content_calendar.weeks(month, now=now)
    return TemplateResponse(
        request,
        f"{TEMPLATE_FOLDER}/calendar.html",
        {
            **pages.admin_site.each_context(request),
            "opts": pages.opts,
            "title": f"{month:%B %Y}",
            "weeks": weeks,
            "month": month,
            "before": month - timedelta(days=1),
            "after": month + timedelta(days=32),
            "next_gap": content_calendar.next_gap(now),
            "fallback": Content.objects.fallback(),
            "may_add": pages.has_add_permission(request),
        },
    )


def _month(asked: str) -> date | None:
    found = re.fullmatch(r"(20\d\d)-(0[1-9]|1[0-2])", asked)
    return date(int(found[1]), int(found[2]), 1) if found else None


def queue(pages: ContentPages, request: HttpRequest) -> HttpResponse:
    """What waits for a decision, the nearest day first."""
    if not pages.has_view_permission(request):
        raise PermissionDenied
    now = timezone.now()
    rows = Content.objects.filter(state=ContentState.SUBMITTED)
    waiting = rows.select_related("message_template", "author", "replaces").order_by("day", "pk")
    person = _person(request, preview.audiences())
    return TemplateResponse(
        request,
        f"{TEMPLATE_FOLDER}/queue.html",
        {
            **pages.admin_site.each_context(request),
            "opts": pages.opts,
            "title": "Waiting for review",
            "waiting": [
                {
                    "content": content,
                    "bubble": preview.bubble(content, person),
                    "deadline": approval.deadline(content.day) if content.day else None,
                    "late": approval.is_late(content, now),
                    "own": content.author_id == request.user.pk,
                    "url": url_of(content),
                }
                for content in waiting[:50]
            ],
        },
    )
