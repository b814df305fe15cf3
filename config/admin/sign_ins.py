"""Sign-in failures in the admin; deleting a row also removes the lock that it caused."""

from __future__ import annotations

from axes.models import AccessAttempt
from django.contrib import admin

from subscribers.admin.deletion import CarefulDeletion
from subscribers.admin.read_only import NeverAdded, NeverChanged


@admin.register(AccessAttempt)
class SignInFailureAdmin(NeverAdded, NeverChanged, CarefulDeletion):
    list_display = ["attempt_time", "username", "ip_address", "failures_since_start", "user_agent"]
    list_filter = ["attempt_time"]
    list_per_page = 50
    search_fields = ["username", "ip_address"]
    exclude = ["get_data", "post_data"]
    show_full_result_count = False
    actions = ["delete_selected"]
    deletion_facts = ["username", "ip_address", "failures_since_start", "attempt_time"]
