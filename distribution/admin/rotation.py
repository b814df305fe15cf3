"""Rotation groups in the admin: which template is in use, which stand by, and why it changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from distribution.admin.evidence import EvidenceAdmin
from distribution.drafting import drafts
from distribution.models import (
    GroupRole,
    MessageTemplate,
    RotationCause,
    RotationGroup,
    TemplateStatus,
)
from distribution.quality import figures, groups, wording
from distribution.quality.groups import GroupError
from distribution.quality.wording import ShownRate
from distribution.runtime import india_time
from subscribers import shown_part
from subscribers.admin.confirmed_action import Confirmation, confirm, log_action
from subscribers.admin.page_frame import OwnPages, framed, staff_user, viewable_row
from subscribers.admin.read_only import NeverDeleted

ROTATE = "distribution.rotate_templates"
CHANGES_SHOWN = 20


def _approved() -> QuerySet[MessageTemplate]:
    """Also those that are in a group by now: the same form may be sent twice."""
    return MessageTemplate.objects.filter(status=TemplateStatus.APPROVED)


class GroupForm(forms.Form):
    """The name of the group, the template in use, and those that can take its place."""

    name = forms.SlugField(
        max_length=40,
        label=gettext_lazy("Name"),
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("Letters, digits, hyphens and underscores, such as morning-note."),
    )
    primary = forms.ModelChoiceField(
        MessageTemplate.objects.none(),
        label=gettext_lazy("Primary"),
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("The template that is sent."),
    )
    standbys = forms.ModelMultipleChoiceField(
        MessageTemplate.objects.none(),
        label=gettext_lazy("Standby"),
        widget=UnfoldAdminSelectMultipleWidget,
        help_text=gettext_lazy(
            "Templates of the same language and category that take the same variables. One of them "
            "goes to between 1% and 10% of each morning, so that Meta rates it."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("primary", "standbys"):
            self.fields[name].queryset = _approved()  # type: ignore[attr-defined]


@admin.register(RotationGroup)
class RotationGroupAdmin(  # type: ignore[misc]  # both define the template of a deletion
    NeverDeleted, EvidenceAdmin, OwnPages
):
    list_display = ["name", "primary", "count", "automatic"]
    form_class = GroupForm
    add_title = gettext_lazy("Add a rotation group")
    add_template = "admin/distribution/rotation/add.html"
    actions = None
    pages = {
        "<int:pk>/use/<int:template_pk>/": ("use", "distribution_rotationgroup_use"),
        "<int:pk>/rest/<int:template_pk>/": ("rest", "distribution_rotationgroup_rest"),
        "<int:pk>/automatic/": ("switch_automatic", "distribution_rotationgroup_automatic"),
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[RotationGroup]:
        rows: QuerySet[RotationGroup] = super().get_queryset(request)
        return rows.prefetch_related("templates").annotate(size=Count("templates"))

    @display(description=gettext_lazy("primary"))
    def primary(self, group: RotationGroup) -> str:
        used = [one for one in group.templates.all() if one.group_role == GroupRole.PRIMARY]
        return str(used[0]) if used else _("none")

    @display(description=gettext_lazy("templates"), ordering="size")
    def count(self, group: Any) -> int:
        return int(group.size)

    def add(self, request: HttpRequest, form: Any) -> HttpResponse | None:
        primary, standbys = form.cleaned_data["primary"], form.cleaned_data["standbys"]
        members = list({one.pk: one for one in [primary, *standbys]}.values())
        try:
            group = groups.create(form.cleaned_data["name"], members, primary=primary)
        except GroupError as error:
            form.add_error("standbys", str(error))
            return None
        after = {"primary": str(primary), "standby": [str(one) for one in standbys]}
        self.log_addition(request, group, [{"act": "Added.", "after": after}])
        return HttpResponseRedirect(_url(group))

    def change_view(self, request: HttpRequest, object_id: str, *_: Any, **__: Any) -> HttpResponse:
        group = viewable_row(self, request, object_id)
        if request.method != "GET":
            raise PermissionDenied
        changes = group.changes.select_related("before", "after", "by").order_by("-at", "-pk")
        primary = group.templates.filter(group_role=GroupRole.PRIMARY).first()
        return framed(
            self,
            request,
            "admin/distribution/rotation/page.html",
            title=str(group),
            group=group,
            templates=_with_rates(group),
            part=shown_part.of(changes, CHANGES_SHOWN, start=shown_part.start_of(request)),
            may_rotate=request.user.has_perm(ROTATE),
            drafted_from=primary,
            draft=drafts.shown_with(primary) if primary else None,
            show_back_button=True,
        )

    def use(self, request: HttpRequest, pk: int, template_pk: int) -> HttpResponseBase:
        """Make a template the primary."""
        group, template = self._member(request, pk, template_pk)
        consequences = [
            _("%(template)s is sent from the next distribution on.") % {"template": template},
            _("A distribution that is running keeps its template."),
            _("The present primary goes on standby."),
        ]
        title = _("Use %(template)s") % {"template": template}

        def act(reason: str) -> None:
            groups.make_primary(
                template,
                cause=RotationCause.MANUAL,
                reason=reason,
                by=staff_user(request),
                now=timezone.now(),
            )

        page = Confirmation(title, consequences, _("Use this template"), facts=_facts(group))
        return self._confirm(request, group, page, act, "Template in use changed")

    def rest(self, request: HttpRequest, pk: int, template_pk: int) -> HttpResponseBase:
        """Take a standby out of use, or bring a resting one back."""
        group, template = self._member(request, pk, template_pk)
        resting = template.group_role == GroupRole.RESTING
        title = _("Bring back %(template)s") if resting else _("Rest %(template)s")
        consequence = _("It is not sent, and does not take the primary's place on its own.")
        if resting:
            consequence = _("It can take the primary's place, and goes to a share of each morning.")
        role = GroupRole.STANDBY if resting else GroupRole.RESTING

        def act(_reason: str) -> None:
            groups.put_aside(template, role)

        page = Confirmation(
            title % {"template": template},
            [consequence],
            _("Bring back") if resting else _("Rest template"),
            facts=_facts(group),
        )
        return self._confirm(request, group, page, act, "Standby changed")

    def switch_automatic(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        group = self._group(request, pk)
        title = _("Stop automatic rotation") if group.automatic else _("Rotate automatically")
        consequence = _(
            "Daybreak changes the primary between two mornings when the evidence is clear, at most "
            "once in 7 days, and never during a distribution."
        )
        if group.automatic:
            consequence = _("Daybreak only alerts. A person changes the primary.")

        def act(_reason: str) -> None:
            RotationGroup.objects.filter(pk=group.pk).update(automatic=not group.automatic)

        page = Confirmation(title, [consequence], title, facts=_facts(group))
        return self._confirm(request, group, page, act, title)

    def _confirm(
        self,
        request: HttpRequest,
        group: RotationGroup,
        page: Confirmation,
        change: Callable[[str], None],
        entry: str,
    ) -> HttpResponseBase:
        def act(reason: str) -> None:
            before = _facts(group)
            try:
                change(reason)
            except GroupError as error:
                self.message_user(request, str(error), messages.ERROR)
                return
            fresh = RotationGroup.objects.get(pk=group.pk)
            log_action(
                self, request, fresh, entry, reason=reason, before=before, after=_facts(fresh)
            )
            self.message_user(request, _("Saved."), messages.SUCCESS)

        return confirm(self, request, page, act, back=_url(group))

    def _group(self, request: HttpRequest, pk: int) -> RotationGroup:
        group: RotationGroup = viewable_row(self, request, str(pk))
        if not request.user.has_perm(ROTATE):
            raise PermissionDenied
        return group

    def _member(
        self, request: HttpRequest, pk: int, template_pk: int
    ) -> tuple[RotationGroup, MessageTemplate]:
        group = self._group(request, pk)
        template = group.templates.filter(pk=template_pk).first()
        if template is None:
            raise Http404(_("This template is not in the group."))
        return group, template


def _with_rates(group: RotationGroup) -> list[tuple[MessageTemplate, ShownRate]]:
    """The group's templates, each with its block rate of the last 7 mornings."""
    templates = sorted(group.templates.all(), key=groups.preference)
    today = india_time.local_date(timezone.now())
    days = figures.by_template([one.pk for one in templates], until=today)
    return [(one, wording.shown(figures.shown(days.get(one.pk, [])))[-1]) for one in templates]


def _url(group: RotationGroup) -> str:
    return reverse("admin:distribution_rotationgroup_change", args=[group.pk])


def _facts(group: RotationGroup) -> dict[str, str]:
    """The state that a page is about, in words."""
    roles: dict[str, list[str]] = {}
    for template in group.templates.order_by("name", "language"):
        roles.setdefault(GroupRole(template.group_role).label, []).append(str(template))
    words = {role: ", ".join(names) for role, names in sorted(roles.items())}
    return {**words, _("Automatic"): _("yes") if group.automatic else _("no")}
