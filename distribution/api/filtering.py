"""Filters of lists. One that is given without a value is a mistake, and told as one."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework.exceptions import ValidationError

EMPTY = "Give a value, or leave it out."


class Filters(filters.FilterSet):
    """The framework takes an empty filter for none at all, and would answer with everything."""

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        empty = [name for name in self.filters if self.data.get(name) == ""]
        if empty:
            raise ValidationError(
                {name: ValidationError(EMPTY, "empty").detail for name in sorted(empty)}
            )
        found: QuerySet[Any] = super().filter_queryset(queryset)
        return found
