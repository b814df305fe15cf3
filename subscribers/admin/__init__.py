"""The pages of subscribers in the admin, one module for each noun."""

from __future__ import annotations

from subscribers.admin import imports, people, suppressions

__all__ = ["imports", "people", "suppressions"]
