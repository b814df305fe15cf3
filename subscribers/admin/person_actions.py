"""Actions on one person: pause, resume, unsubscribe, and erase in two steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from masking.phones import mask_phone
from subscribers import phones
from subscribers.admin.confirmed_action import (
    Confirmation,
    ReasonForm,
    action_button,
    confirm,
    log_action,
)
from subscribers.admin.page_frame import Titled, staff_user
from subscribers.admin.status_changes import STATUS_CHANGES, change_statuses, form_of
from subscribers.models import EXPORT_SUBSCRIBERS, FULL_PHONE, Erasure, Status, Subscriber
from subscribers.people import erasure, everything

ERASE = "subscribers.erase_subscriber"
READ = "read the phone number in full"


def heading_of(person: Subscriber) -> str:
    """What a page about one person is called: the name, and the phone without its middle."""
    if phones.is_blank(person.phone):
        return gettext("Erased person %(pk)d") % {"pk": person.pk}
    return f"{person.name or gettext('No name')} · {mask_phone(person.phone)}"


class PersonActions(ModelAdmin):
    """The buttons on a person's page, and the permission for each."""

    actions_detail = (
        "pause_person",
        "resume_person",
        "opt_out_person",
        "erase_person",
        "purge_person",
        "export_person",
    )

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Subscriber | None:
        person: Subscriber | None = super().get_object(request, object_id, from_field)
        if person is not None:
            person.may_be_shown = request.user.has_perm(FULL_PHONE)  # type: ignore[attr-defined]
        return person

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The page, under the person's name; that it showed the phone in full is logged with the
        address."""
        person = self.get_object(request, object_id)
        if person is not None:
            words = heading_of(person)
            titles = {"title": words, "subtitle": "", "original": Titled(person, words)}
            extra_context = {**titles, **(extra_context or {})}
        response = super().change_view(request, object_id, form_url, extra_context)
        is_read = person is not None and not phones.is_blank(person.phone)
        if response.status_code == 200 and is_read and request.user.has_perm(FULL_PHONE):
            assert person is not None
            log_action(self, request, person, READ, reason="Opened the person's page")
        return response

    def has_optout_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Users who may change subscribers, while this one is not unsubscribed yet."""
        if not ModelAdmin.has_change_permission(self, request):
            return False
        return Subscriber.objects.filter(pk=object_id).exclude(status=Status.UNSUBSCRIBED).exists()

    def has_pause_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return self._may_change(request, object_id, Status.ACTIVE)

    def has_resume_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return self._may_change(request, object_id, Status.PAUSED)

    def _may_change(self, request: HttpRequest, object_id: Any, status: Status) -> bool:
        """Users who may change subscribers, while this one has the status."""
        if not ModelAdmin.has_change_permission(self, request):
            return False
        return Subscriber.objects.filter(pk=object_id, status=status).exists()

    def has_erase_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        requested = Erasure.objects.filter(subscriber=object_id)
        return request.user.has_perm(ERASE) and not requested.exists()

    def has_purge_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Offered once it is possible: until then the page says why it is not."""
        waiting = Erasure.objects.filter(subscriber=object_id, purged_at=None).first()
        if waiting is None or not request.user.has_perm(ERASE):
            return False
        return request.method == "POST" or not erasure.objection(waiting, now=timezone.now())

    @action_button(_("Pause"), permissions=["pause"], icon="pause")
    def pause_person(self, request: HttpRequest, object_id: int) -> HttpResponseBase:
        consequences = [gettext(STATUS_CHANGES["pause"].consequence)]
        page = Confirmation(gettext("Pause"), consequences, gettext("Pause"))
        change = partial(self._set_status, "pause", gettext("Person paused."))
        return self._confirm(request, object_id, page, change, form_class=form_of("pause"))

    @action_button(_("Resume"), permissions=["resume"], icon="play_arrow")
    def resume_person(self, request: HttpRequest, object_id: int) -> HttpResponseBase:
        consequences = [gettext("They receive the next distribution that starts after this.")]
        page = Confirmation(gettext("Resume"), consequences, gettext("Resume"))
        change = partial(self._set_status, "resume", gettext("Person resumed."))
        return self._confirm(request, object_id, page, change)

    @action_button(_("Unsubscribe"), permissions=["optout"], icon="unsubscribe")
    def opt_out_person(self, request: HttpRequest, object_id: int) -> HttpResponseBase:
        consequences = [gettext(STATUS_CHANGES["opt_out"].consequence)]
        page = Confirmation(gettext("Unsubscribe"), consequences, gettext("Unsubscribe"))
        change = partial(self._set_status, "opt_out", gettext("Person unsubscribed."))
        return self._confirm(request, object_id, page, change)

    @action_button(_("Erase"), permissions=["erase"], icon="person_remove")
    def erase_person(self, request: HttpRequest, object_id: int) -> HttpResponseBase:
        consequences = [
            gettext("They won't receive any more messages, starting now."),
            gettext(
                "Name, phone, e-mail and details are deleted in step 2: automatically after a "
                "few days, or when you press “Delete personal details”."
            ),
            gettext("A hash of the number is kept, so that no import can bring them back."),
        ]
        page = Confirmation(gettext("Erase, step 1 of 2"), consequences, gettext("Erase"))
        return self._confirm(request, object_id, page, self._erase)

    @action_button(_("Delete personal details"), permissions=["purge"], icon="delete_forever")
    def purge_person(self, request: HttpRequest, object_id: int) -> HttpResponseBase:
        consequences = [
            gettext("Name, phone, e-mail and details are deleted. This can't be undone."),
            gettext("Past sends stay in the totals, anonymised."),
        ]
        page = Confirmation(
            gettext("Erase, step 2 of 2"), consequences, gettext("Delete personal details")
        )
        return self._confirm(request, object_id, page, self._purge)

    @action_button(_("Export everything"), permissions=["give"], icon="download")
    def export_person(self, request: HttpRequest, object_id: int) -> HttpResponseBase:
        """The file for somebody who asks what is held about them."""
        consequences = [
            gettext(
                "The file contains everything stored about this person, with the full number: "
                "details, consent, messages, replies, webhooks and audit log entries."
            ),
            gettext("Give it only to the person, and delete it afterwards."),
        ]
        page = Confirmation(gettext("Export everything"), consequences, gettext("Export"))
        return self._confirm(request, object_id, page, self._give, is_repeatable=True)

    def has_give_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        person = Subscriber.objects.existing().filter(pk=object_id)
        return request.user.has_perms([EXPORT_SUBSCRIBERS, FULL_PHONE]) and person.exists()

    def _confirm(
        self,
        request: HttpRequest,
        object_id: int,
        page: Confirmation,
        act: Callable[..., HttpResponseBase | None],
        *,
        form_class: type[ReasonForm] = ReasonForm,
        is_repeatable: bool = False,
    ) -> HttpResponseBase:
        person = self.get_object(request, str(object_id))
        if person is None:
            raise Http404(gettext("This subscriber does not exist."))
        facts = {"Person": heading_of(person), "Status": person.get_status_display()}
        page = replace(page, title=f"{page.title}: {heading_of(person)}", facts=facts)
        back = reverse("admin:subscribers_subscriber_change", args=[person.pk])
        return confirm(
            self,
            request,
            page,
            partial(act, request, person),
            back=back,
            form_class=form_class,
            is_repeatable=is_repeatable,
        )

    def _set_status(
        self,
        name: str,
        done: str,
        request: HttpRequest,
        person: Subscriber,
        reason: str,
        resumes_on: date | None = None,
    ) -> None:
        change_statuses(self, request, [person.pk], name, reason, resumes_on=resumes_on)
        self.message_user(request, done)

    def _erase(self, request: HttpRequest, person: Subscriber, reason: str) -> None:
        before = {"status": person.status}
        erasure.request_erasure(
            person, reason=reason, by=staff_user(request).username, now=timezone.now()
        )
        log_action(self, request, person, "erase", reason=reason, before=before)
        self.message_user(
            request, gettext("Person marked for erasure. They won't receive messages.")
        )

    def _give(self, request: HttpRequest, person: Subscriber, reason: str) -> HttpResponseBase:
        held = everything.held_about(person, now=timezone.now())
        rows = sum(len(table["rows"]) for table in held["tables"].values())
        facts = {"rows": rows, "full_phones": True}
        log_action(self, request, person, "export all about them", reason=reason, after=facts)
        headers = {"Content-Disposition": f'attachment; filename="subscriber-{person.pk}.json"'}
        return HttpResponse(
            everything.as_json(held), content_type="application/json", headers=headers
        )

    def _purge(self, request: HttpRequest, person: Subscriber, reason: str) -> None:
        told = erasure.person_of(person).scrub(reason)  # the log keeps it for good
        try:
            erasure.purge(person.erasure, now=timezone.now())  # exists: has_purge_permission
        except erasure.ErasureRefused as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
        else:
            log_action(self, request, person, "purge", reason=told)
            self.message_user(request, gettext("Personal details deleted."))
