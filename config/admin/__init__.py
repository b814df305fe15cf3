"""The admin's pages of staff: accounts and roles, sign-in failures, the audit log."""

from __future__ import annotations

from django.contrib import admin

from config.admin import audit, sign_ins, staff

admin.site.index_title = "Today"

__all__ = ["audit", "sign_ins", "staff"]
