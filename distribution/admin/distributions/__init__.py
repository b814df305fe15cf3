"""The admin's pages of a distribution: its figures, actions, deliveries and unconfirmed ones."""

from __future__ import annotations

from distribution.admin.distributions import deliveries, pages

__all__ = ["deliveries", "pages"]
