"""Content in the admin: list, form, calendar, review."""
