"""Constraints that several tables share."""

from __future__ import annotations

from django.db.models import CheckConstraint, Choices, Q


def value_is_known(model: str, field: str, choices: type[Choices]) -> CheckConstraint:
    """The database refuses values of `field` that are not among its choices."""
    condition = Q(**{f"{field}__in": choices.values})
    return CheckConstraint(condition=condition, name=f"{model}_{field}_known")
