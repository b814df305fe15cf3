"""Staff accounts and roles in the admin: add, assign roles, sign out, reset the second factor."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.forms import ReadOnlyPasswordHashWidget
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from config.staff import second_factor, sessions
from config.staff.roles import EXPLANATIONS, ROLES
from subscribers.admin.confirmed_action import Confirmation, confirm_each
from subscribers.admin.deletion import CarefulDeletion
from subscribers.admin.model_forms import CarefulForms
from subscribers.admin.read_only import NeverDeleted
from subscribers.admin.shown_rows import Selection

# Beat's entries are rewritten at each start from config/timetable.py, and the page of a device
# shows its secret: neither is edited in the admin. User and Group get the pages below.
UNEDITED_APPS = (
    "django_celery_beat",
    "django_otp.plugins.otp_static",
    "django_otp.plugins.otp_totp",
)
for app in UNEDITED_APPS:
    import_module(f"{app}.admin")  # first: a page registered later would stay
pages = filter(admin.site.is_registered, apps.get_models())
unedited = [model for model in pages if model._meta.app_config.name in UNEDITED_APPS]
admin.site.unregister([*unedited, User, Group])


class HiddenHash(ReadOnlyPasswordHashWidget):
    """That a password is set, and the button to set one; no part of its hash."""

    def get_context(self, *args: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(*args)
        is_set = len(context["summary"]) > 1
        context["summary"] = [{"label": gettext("Set") if is_set else gettext("Not set")}]
        return context


class StaffForm(UserChangeForm):
    """An account, in the words of the other pages."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if password := self.fields.get("password"):
            password.widget = HiddenHash()
            link = '<a class="kept-link" href="../password/">{}</a>'
            password.help_text = format_html(link, gettext("Set a new password"))
        if active := self.fields.get("is_active"):
            active.label = gettext("Can sign in")
            active.help_text = gettext(
                "Clear this when someone leaves. Accounts are never deleted, so that the audit log "
                "stays complete."
            )


class RolesField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """Roles as checkboxes, each with what it is for."""

    def label_from_instance(self, role: Any) -> str:
        explanation = EXPLANATIONS.get(role.name)
        return f"{role.name}: {explanation}" if explanation else role.name


@admin.register(User)
class StaffAdmin(NeverDeleted, CarefulForms, UserAdmin, ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Never deleted, since the audit log refers to them: clear "active" instead."""

    form = StaffForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "name", "roles", "second_factor", "is_active", "last_login"]
    list_filter = ["is_active", "groups"]
    list_per_page = 50
    filter_horizontal = ()
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        (_("Person"), {"fields": ["first_name", "last_name", "email"]}),
        (_("Roles"), {"fields": ["groups", "is_active"]}),
        (_("Dates"), {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [
        (None, {"fields": ["username", "first_name", "last_name", "email"]}),
        (_("Roles"), {"fields": ["groups"]}),
        (_("Password"), {"fields": ["password1", "password2"]}),
    ]
    readonly_fields = ["last_login", "date_joined"]
    actions = ["sign_out_everywhere", "renew_second_factor"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups", "totpdevice_set")

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "groups":
            return RolesField(
                Group.objects.order_by("pk"),
                required=False,
                label=_("Roles"),
                help_text=_("Choose every job this person has."),
                widget=UnfoldAdminCheckboxSelectMultipleWidget,
            )
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def name(self, user: User) -> str:
        return user.get_full_name()

    def roles(self, user: User) -> str:
        return (
            gettext("All")
            if user.is_superuser
            else ", ".join(group.name for group in user.groups.all())
        )

    @display(description=_("two-factor"), boolean=True)
    def second_factor(self, user: User) -> bool:
        return any(device.confirmed for device in user.totpdevice_set.all())  # type: ignore[attr-defined]

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        obj.is_staff = True  # only staff have accounts
        super().save_model(request, obj, form, change)
        if change and not obj.is_active:
            sessions.end_sessions(obj, now=timezone.now())

    @action(description="Sign out everywhere", permissions=["change"])
    def sign_out_everywhere(self, request: HttpRequest, queryset: QuerySet[User]) -> Any:
        title, consequence = "Sign out everywhere", "They have to sign in again."
        page = Confirmation(title, [consequence], title, _accounts(queryset))
        return self._confirm_each(request, page, _sign_out)

    @action(description=_("Reset two-factor authentication"), permissions=["change"])
    def renew_second_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> Any:
        title = "Reset two-factor authentication"
        consequence = "They are signed out, their codes stop working, and they set it up again."
        page = Confirmation(title, [consequence], title, _accounts(queryset))
        return self._confirm_each(request, page, _remove_second_factor)

    def _confirm_each(
        self, request: HttpRequest, page: Confirmation, act: Callable[[User, str], None]
    ) -> HttpResponseBase | None:
        done = f"{page.title}: done."
        return confirm_each(self, request, page, act, entry=f"{page.title}.", done=done)


def _accounts(chosen: QuerySet[User]) -> Selection:
    return Selection(chosen, ("username", "is_active"))


def _sign_out(user: User, _reason: str) -> None:
    sessions.end_sessions(user, now=timezone.now())


def _remove_second_factor(user: User, reason: str) -> None:
    second_factor.remove_devices(user)
    _sign_out(user, reason)


@admin.register(Group)
class RoleAdmin(CarefulDeletion, CarefulForms, GroupAdmin, ModelAdmin):  # type: ignore[misc]
    list_per_page = 50

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return not _is_builtin(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return not _is_builtin(obj) and super().has_delete_permission(request, obj)


def _is_builtin(role: Group | None) -> bool:
    return role is not None and role.name in ROLES
