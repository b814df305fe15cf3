"""Filters of lists that reject empty and repeated parameters."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework.exceptions import ValidationError

EMPTY = "Give a value, or leave it out."
REPEATED = "Give it once."


class Filters(filters.FilterSet):
    """django-filter ignores an empty parameter and uses the last of several: the caller would get
    other rows than it asked for, without an error."""

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        errors = {name: error for name in self.filters if (error := self._error(name))}
        if errors:
            raise ValidationError(errors)
        rows: QuerySet[Any] = super().filter_queryset(queryset)
        return rows

    def _error(self, name: str) -> list[str]:
        values = self.data.getlist(name)
        if len(values) > 1:
            return [REPEATED]
        return [EMPTY] if values == [""] else []
