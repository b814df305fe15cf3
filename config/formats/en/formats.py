"""Twenty-four hours, the day first, and the zone: 24 Nov 2026, 06:00 IST."""

from __future__ import annotations

DATE_FORMAT = "j M Y"
TIME_FORMAT = r"H:i:s \I\S\T"  # of a time alone, which has no zone of its own
DATETIME_FORMAT = "j M Y, H:i:s T"
SHORT_DATE_FORMAT = "j M Y"
SHORT_DATETIME_FORMAT = "j M Y, H:i T"
