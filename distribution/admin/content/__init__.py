"""The admin's pages of content and message templates: form, preview, calendar, approval."""

from __future__ import annotations

from distribution.admin.content import pages, templates

__all__ = ["pages", "templates"]
