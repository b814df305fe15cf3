"""What can be done to one person: unsubscribe, and erase in two steps."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from unfold.admin import ModelAdmin

from subscribers import erasing
from subscribers.admin.acting import ReasonForm, ask, button, record, username
from subscribers.admin.deciding import ACTS, decide
from subscribers.models import Erasure, Status, Subscriber

ERASE = "subscribers.erase_subscriber"
FULL_PHONE = "subscribers.see_full_phone"


class PersonActs(ModelAdmin):
    """The buttons on a person's page, and who sees which."""

    actions_detail = ("opt_out_person", "erase_person", "purge_person")

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Subscriber | None:
        found: Subscriber | None = super().get_object(request, object_id, from_field)
        if found is not None:
            found.may_be_shown = request.user.has_perm(FULL_PHONE)  # type: ignore[attr-defined]
        return found

    def has_optout_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Unsubscribe: by whoever may change people, as long as this one is not unsubscribed."""
        if not ModelAdmin.has_change_permission(self, request):
            return False
        return Subscriber.objects.filter(pk=object_id).exclude(status=Status.UNSUBSCRIBED).exists()

    def has_erase_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        asked = Erasure.objects.filter(subscriber=object_id)
        return request.user.has_perm(ERASE) and not asked.exists()

    def has_purge_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        waiting = Erasure.objects.filter(subscriber=object_id, purged_at=None)
        return request.user.has_perm(ERASE) and waiting.exists()

    @button("Unsubscribe", permissions=["optout"], icon="unsubscribe")
    def opt_out_person(self, request: HttpRequest, object_id: int) -> HttpResponse:
        person, form = self._person(request, object_id), ReasonForm(request.POST or None)
        if not (request.method == "POST" and form.is_valid()):
            return ask(
                self,
                request,
                form,
                title="Unsubscribe this person",
                consequences=["They get no message any more.", ACTS["opt_out"][2]],
                button="Unsubscribe",
                back=self._page_of(person),
            )
        decide(self, request, [person.pk], "opt_out", form.cleaned_data["reason"])
        self.message_user(request, "Unsubscribed.")
        return HttpResponseRedirect(self._page_of(person))

    @button("Erase", permissions=["erase"], icon="person_remove")
    def erase_person(self, request: HttpRequest, object_id: int) -> HttpResponse:
        person, form = self._person(request, object_id), ReasonForm(request.POST or None)
        if not (request.method == "POST" and form.is_valid()):
            return ask(
                self,
                request,
                form,
                title="Erase this person: step 1 of 2",
                consequences=[
                    "From now on nobody writes to them.",
                    "Name, phone, email and details are deleted in step 2: after a week by "
                    "itself, or at once with the button “Delete the details now”.",
                    "Only a hash of the number stays, so that no later import brings them back.",
                ],
                button="Erase",
                back=self._page_of(person),
            )
        reason, user = form.cleaned_data["reason"], username(request.user)
        erasing.ask(person, reason=reason, by=user, now=timezone.now())
        record(self, request, person, "erase", reason=reason, before={"status": person.status})
        self.message_user(request, "Nobody writes to this person any more.")
        return HttpResponseRedirect(self._page_of(person))

    @button("Delete the details now", permissions=["purge"], icon="delete_forever")
    def purge_person(self, request: HttpRequest, object_id: int) -> HttpResponse:
        person, form = self._person(request, object_id), ReasonForm(request.POST or None)
        erasure, now = person.erasure, timezone.now()  # the permission saw that there is one
        if not (request.method == "POST" and form.is_valid()):
            return ask(
                self,
                request,
                form,
                title="Erase this person: step 2 of 2",
                consequences=[
                    "Name, phone, email and details are deleted for good. This cannot be undone.",
                    "What was sent to them stays in the sums, without the person.",
                ],
                button="Delete the details",
                back=self._page_of(person),
            )
        try:
            erasing.purge(erasure, now=now)
        except erasing.ErasureRefused as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
        else:
            record(self, request, person, "purge", reason=form.cleaned_data["reason"])
            self.message_user(request, "The details are deleted.")
        return HttpResponseRedirect(self._page_of(person))

    def _person(self, request: HttpRequest, object_id: int) -> Subscriber:
        person = self.get_object(request, str(object_id))
        if person is None:
            raise Http404("There is no such subscriber.")
        return person

    def _page_of(self, person: Subscriber) -> str:
        return reverse("admin:subscribers_subscriber_change", args=[person.pk])
