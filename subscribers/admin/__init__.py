"""The admin's pages of subscribers, imports and suppressions; importing registers them."""

from __future__ import annotations

from subscribers.admin import imports, people, replies, suppressions

__all__ = ["imports", "people", "replies", "suppressions"]
