"""Moments in addresses, by the rule for bodies: with their zone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django_filters import rest_framework as filters
from rest_framework.exceptions import ValidationError

from distribution.api.http.fields import ZonedDateTime

ZONE = "Add the time zone: 2026-11-24T06:00:00Z. In a URL, percent-encode a plus sign."


class _ZonedDateTime(filters.IsoDateTimeFilter.field_class):
    def to_python(self, value: Any) -> datetime | None:
        if value in self.empty_values:
            return None
        field = ZonedDateTime(error_messages={"zone": ZONE})
        try:
            moment: datetime = field.run_validation(value)
        except ValidationError as error:
            raise DjangoValidationError([str(detail) for detail in error.detail]) from None
        return moment


class ZonedDateTimeFilter(filters.IsoDateTimeFilter):
    """Without a zone the moment would be another one for a caller elsewhere."""

    field_class = _ZonedDateTime
