"""The pages about the house itself: people and roles, sign-in failures, the audit log."""

from __future__ import annotations

from config.admin import audit, people, sign_ins

__all__ = ["audit", "people", "sign_ins"]
