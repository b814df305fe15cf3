"""Lists of subscribers that are uploaded: how long they may be, and how long they are kept."""

from __future__ import annotations

from config.settings import environment as env

# Lines of one CSV file or file of JSON lines; a workbook has at most 200,000.
IMPORT_MAX_ROWS = env.integer("IMPORT_MAX_ROWS", 1_000_000, low=1, high=5_000_000)
# Megabytes of one file, of any kind but workbooks, which have at most 15.
IMPORT_MAX_MB = env.integer("IMPORT_MAX_MB", 200, low=1, high=1000)
# Uploaded files hold phone numbers and names: they are deleted after this many days.
IMPORT_KEEP_DAYS = env.integer("IMPORT_KEEP_DAYS", 7, low=1, high=365)
# Days after which rows that the check of a list shows are deleted: they hold names.
IMPORT_SAMPLES_KEEP_DAYS = env.integer("IMPORT_SAMPLES_KEEP_DAYS", 30, low=1, high=3650)
# An import whose process died is taken over after this many seconds.
IMPORT_LEASE_SECONDS = env.decimal("IMPORT_LEASE_SECONDS", 120, low=1, high=3600)
