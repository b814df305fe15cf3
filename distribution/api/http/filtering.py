"""Filters of lists. One that is given without a value, or twice, is a mistake and told as one."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework.exceptions import ValidationError

EMPTY = "Give a value, or leave it out."
TWICE = "Give it once."


class Filters(filters.FilterSet):
    """The framework takes an empty filter for none at all, and of two the last: its answer would
    be about others than were asked for."""

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        wrong = {name: told for name in self.filters if (told := self._complaint(name))}
        if wrong:
            raise ValidationError(wrong)
        found: QuerySet[Any] = super().filter_queryset(queryset)
        return found

    def _complaint(self, name: str) -> list[str]:
        values = self.data.getlist(name)
        if len(values) > 1:
            return [TWICE]
        return [EMPTY] if values == [""] else []
