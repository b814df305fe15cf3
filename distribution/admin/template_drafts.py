"""Better versions of message templates in the admin: the draft, its reasons, and its review."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from unfold.decorators import display

from distribution.content import comparison, preview, template_schema
from distribution.drafting import creating, drafts, lint, texts
from distribution.drafting.drafts import DISCARDABLE, DraftError
from distribution.models import DraftState, GroupRole, MessageTemplate, TemplateDraft
from phonepool.cloud_api import client
from subscribers.admin.confirmed_action import Confirmation, ReasonForm, confirm, log_action
from subscribers.admin.page_frame import OwnPages, framed, staff_user, viewable_row
from subscribers.admin.read_only import ReadOnlyAdmin

WRITE, APPROVE = "distribution.write_template_draft", "distribution.approve_template_draft"
CREATE = "distribution.create_template"
STATE_COLOURS = {
    DraftState.DRAFTED: "warning",
    DraftState.APPROVED: "info",
    DraftState.SUBMITTED: "info",
    DraftState.PENDING: "info",
    DraftState.READY: "success",
    DraftState.WRONG_CATEGORY: "danger",
    DraftState.REJECTED: "danger",
    DraftState.DISCARDED: "default",
}


@admin.register(TemplateDraft)
class TemplateDraftAdmin(OwnPages, ReadOnlyAdmin):
    list_display = ["name", "source", "state_badge", "by_rule", "created_at"]
    list_filter = ["state"]
    list_select_related = ["source"]
    search_fields = ["name"]
    pages = {
        "of/<int:template_pk>/": ("draft", "distribution_templatedraft_draft"),
        "<int:pk>/edit/": ("edit", "distribution_templatedraft_edit"),
        "<int:pk>/approve/": ("approve", "distribution_templatedraft_approve"),
        "<int:pk>/create/": ("create", "distribution_templatedraft_create"),
        "<int:pk>/discard/": ("discard", "distribution_templatedraft_discard"),
    }

    @display(description=gettext_lazy("State"), ordering="state", label=STATE_COLOURS)
    def state_badge(self, draft: TemplateDraft) -> tuple[str, str]:
        return draft.state, draft.get_state_display()

    def change_view(self, request: HttpRequest, object_id: str, *_: Any, **__: Any) -> HttpResponse:
        draft = viewable_row(self, request, object_id)
        if request.method != "GET":
            raise PermissionDenied
        return framed(
            self,
            request,
            "admin/distribution/drafts/page.html",
            title=str(draft),
            draft=draft,
            changes=_changes(draft),
            rows=_rows(draft),
            bubble=_bubble(draft),
            problems=drafts.problems(draft) if draft.state == DraftState.DRAFTED else [],
            steps=draft.steps.select_related("by"),
            acts=_acts(request, draft),
            review=draft.template,
            show_back_button=True,
        )

    @method_decorator(require_POST)
    def draft(self, request: HttpRequest, template_pk: int) -> HttpResponse:
        """A better version of a template, by the rules or for a person to write."""
        if not request.user.has_perm(WRITE):
            raise PermissionDenied
        template = get_object_or_404(MessageTemplate, pk=template_pk)
        begin = drafts.draft_by_hand if "by_hand" in request.POST else drafts.draft
        made = drafts.open_draft(template)
        if made is None:
            try:
                made = begin(template, by=staff_user(request), now=timezone.now())
            except DraftError as error:
                messages.error(request, str(error))
                url = reverse("admin:distribution_messagetemplate_change", args=[template.pk])
                return HttpResponseRedirect(url)
            log_action(self, request, made, "Drafted.")
        return HttpResponseRedirect(_url(made))

    def edit(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        draft = self._row(request, pk, WRITE)
        consequences = [
            _("Meta’s variables, {{1}} and so on, must stay as they are."),
            _("Who edits a draft can’t approve it."),
        ]
        refusal = _not_drafted(draft)
        page = self._page(_("Edit %(draft)s"), draft, consequences, _("Save"), refusal)

        def act(reason: str, **rewritten: str) -> None:
            new = {name.replace("_", "-"): text for name, text in rewritten.items()}
            drafts.edit(
                draft,
                new,
                version=draft.version,
                reason=reason,
                by=staff_user(request),
                now=timezone.now(),
            )

        return self._confirm(request, draft, page, act, "Edited.", form_class=_edit_form(draft))

    def approve(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        draft = self._row(request, pk, APPROVE)
        refusal = _not_drafted(draft) or drafts.objection_to_approval(draft, staff_user(request))
        consequences = [
            _("It can be created at Meta after that. Nothing is sent with it yet."),
            _("When Meta approves it as %(category)s, it goes on standby.")
            % {"category": draft.category.lower()},
        ]
        page = self._page(_("Approve %(draft)s"), draft, consequences, _("Approve"), refusal)

        def act(reason: str) -> None:
            now, version = timezone.now(), draft.version
            drafts.approve(draft, version=version, reason=reason, by=staff_user(request), now=now)

        return self._confirm(request, draft, page, act, "Approved.")

    def create(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        draft = self._row(request, pk, CREATE)
        consequences = [
            _("Meta reviews it. That takes minutes, or up to two days."),
            _("If Meta files it in another category than %(category)s, it is never sent.")
            % {"category": draft.category.lower()},
        ]
        if creating.needs_manager(draft):
            consequences = [
                _("Meta takes a sample file only in WhatsApp Manager, so create it there first."),
                _("Use exactly the name and the texts above. Daybreak then finds and follows it."),
            ]
        refusal = creating.objection(draft, now=timezone.now())
        title = _("Create %(draft)s at Meta")
        page = self._page(title, draft, consequences, _("Create at Meta"), refusal)

        def act(**_fields: str) -> None:
            creating.create(client.client(), draft, by=staff_user(request), now=timezone.now())

        return self._confirm(request, draft, page, act, "Created at Meta.", form_class=forms.Form)

    def discard(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        draft = self._row(request, pk, WRITE)
        consequences = [_("Nothing comes of this draft. Another one can be drafted.")]
        if draft.state == DraftState.PENDING:
            consequences.append(_("At Meta it stays. Delete it in WhatsApp Manager."))
        refusal = "" if draft.state in DISCARDABLE else _state(draft)
        page = self._page(_("Discard %(draft)s"), draft, consequences, _("Discard"), refusal)

        def act(reason: str) -> None:
            drafts.discard(draft, reason=reason, by=staff_user(request), now=timezone.now())

        return self._confirm(request, draft, page, act, "Discarded.")

    def _page(
        self,
        title: str,
        draft: TemplateDraft,
        consequences: list[str],
        button: str,
        refusal: str = "",
    ) -> Confirmation:
        dangerous = button == _("Discard")
        words = title % {"draft": draft}
        return Confirmation(
            words,
            consequences,
            button,
            facts=_facts(draft),
            is_dangerous=dangerous,
            refusal=refusal,
        )

    def _confirm(
        self,
        request: HttpRequest,
        draft: TemplateDraft,
        page: Confirmation,
        change: Callable[..., None],
        entry: str,
        form_class: type[forms.Form] = ReasonForm,
    ) -> HttpResponseBase:
        def act(**fields: str) -> None:
            before = draft.state
            try:
                change(**fields)
            except DraftError as error:
                self.message_user(request, str(error), messages.ERROR)
                return
            fresh = TemplateDraft.objects.get(pk=draft.pk)
            facts = {"before": {"state": before}, "after": {"state": fresh.state}}
            log_action(self, request, fresh, entry, reason=fields.get("reason", ""), **facts)
            self.message_user(request, _("Saved."), messages.SUCCESS)

        return confirm(self, request, page, act, back=_url(draft), form_class=form_class)

    def _row(self, request: HttpRequest, pk: int, permission: str) -> TemplateDraft:
        draft: TemplateDraft = viewable_row(self, request, str(pk))
        if not request.user.has_perm(permission):
            raise PermissionDenied
        return draft


def _acts(request: HttpRequest, draft: TemplateDraft) -> list[tuple[str, str]]:
    """The buttons: words and route."""
    may, state, found = request.user.has_perm, draft.state, []
    if state == DraftState.DRAFTED and may(APPROVE):
        found.append((_("Approve"), "approve"))
    if state in (DraftState.APPROVED, DraftState.SUBMITTED) and may(CREATE):
        found.append((_("Create at Meta"), "create"))
    if state == DraftState.DRAFTED and may(WRITE):
        found.append((_("Edit"), "edit"))
    if state in DISCARDABLE and may(WRITE):
        found.append((_("Discard"), "discard"))
    return found


def _changes(draft: TemplateDraft) -> list[tuple[str, comparison.Row, str]]:
    """Each change: its part, the words it changed, and its reason."""
    found = []
    for change in draft.changes:
        part = texts.label(change["part"])
        row = comparison.row(part, change["before"], change["after"])
        found.append((part, row, change["reason"]))
    return found


def _rows(draft: TemplateDraft) -> list[comparison.Row]:
    """The template and the draft, part by part."""
    old = dict(texts.of(draft.source.components).parts())
    new = dict(texts.of(draft.components).parts())
    return [
        comparison.row(texts.label(part), old.get(part, ""), new.get(part, ""))
        for part in dict.fromkeys([*old, *new])
        if old.get(part) or new.get(part)
    ]


def _bubble(draft: TemplateDraft) -> preview.Bubble:
    source = draft.source
    drawn = MessageTemplate(name=draft.name, language=source.language, components=draft.components)
    schema = template_schema.parse(draft.components)
    return preview.draw(drawn, schema, {slot.key: slot.example for slot in schema.slots}, None)


def _facts(draft: TemplateDraft) -> dict[str, str]:
    """What a page that decides shows; if any of it changes meanwhile, nothing is done."""
    source = draft.source
    parts = [(texts.label(part), text) for part, text in texts.of(draft.components).parts() if text]
    used = source.group.templates.filter(group_role=GroupRole.PRIMARY) if source.group else []
    return {
        _("State"): _state(draft),
        _("Version"): str(draft.version),
        _("Improves"): str(source),
        _("Its text now"): texts.of(source.components).body,
        _("In use"): ", ".join(map(str, used)),
        **dict(parts),
    }


def _edit_form(draft: TemplateDraft) -> type[forms.Form]:
    """A field for each part that has a text, and a reason."""
    fields: dict[str, Any] = {}
    for part, text in texts.of(draft.components).parts():
        if not text and part != texts.FOOTER:
            continue
        long = part == texts.BODY
        fields[part.replace("-", "_")] = forms.CharField(
            label=texts.label(part),
            initial=text,
            max_length=lint.LIMITS.get(part, lint.BUTTON_TEXT_LIMIT),
            required=part != texts.FOOTER,
            widget=forms.Textarea(attrs={"rows": 8}) if long else forms.TextInput(),
        )
    return type("EditForm", (ReasonForm,), {**fields, "field_order": [*fields, "reason"]})


def _not_drafted(draft: TemplateDraft) -> str:
    return "" if draft.state == DraftState.DRAFTED else _state(draft)


def _state(draft: TemplateDraft) -> str:
    return str(draft.get_state_display())


def _url(draft: TemplateDraft) -> str:
    return reverse("admin:distribution_templatedraft_change", args=[draft.pk])
