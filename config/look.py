"""The admin's look: its name and the sections of its navigation, in the words of the trade."""

from __future__ import annotations

from typing import Any

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Daybreak",
    "SITE_HEADER": "Daybreak",
    "SITE_SUBHEADER": "One message, every morning",
    "SITE_SYMBOL": "wb_twilight",
    "SHOW_VIEW_ON_SITE": False,
}
