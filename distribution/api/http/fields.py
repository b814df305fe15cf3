"""Strict request fields: no "yes" for true, no 5 for "5", no unknown names.

A caller's mistake is reported at once instead of being interpreted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.request import Request

from subscribers.text_cleaning import clean_line
from subscribers.whole_numbers import MAX_ID

NO_BODY = "The request has no body. Send a JSON object, {} if there is nothing to send."
NO_OBJECT = "The body is not a JSON object. Send an object with the fields inside."
# A date alone, or a time without its zone, would be read in India's.
ZONED = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d.*(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
UNKNOWN = "Unknown field. Check its name."


class Body(serializers.Serializer[Any]):
    """A JSON object; a field it does not know is an error."""

    def to_internal_value(self, data: Any) -> Any:
        value = super().to_internal_value(data)
        unknown = set(data) - set(self.fields)
        if unknown:
            raise ValidationError(
                {name: ValidationError(UNKNOWN, "unknown").detail for name in sorted(unknown)}
            )
        return value


class Text(serializers.CharField):
    """A text. Unless it may be blank, it has a visible character."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        text = super().to_internal_value(data)
        if not (self.allow_blank or clean_line(text)):
            self.fail("blank")
        return text


class Flag(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Id(serializers.IntegerField):
    """The id of a record."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=1, max_value=MAX_ID, **options)

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class Day(serializers.DateField):
    """`2026-11-24`."""

    def to_internal_value(self, value: Any) -> date:
        if not isinstance(value, str) or len(value) != 10:
            self.fail("invalid", format="YYYY-MM-DD")
        return super().to_internal_value(value)


class ZonedDateTime(serializers.DateTimeField):
    """RFC 3339 with a zone: `2026-11-24T06:00:00+05:30`. Without a zone the moment is ambiguous."""

    default_error_messages = {"zone": "Add the time zone: 2026-11-24T06:00:00+05:30."}

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str):
            self.fail("invalid", format="YYYY-MM-DDThh:mm:ss+hh:mm")
        if not ZONED.fullmatch(value):
            self.fail("zone")
        try:
            return super().to_internal_value(value)
        except OverflowError:  # the year 1 in another zone
            self.fail("invalid", format="YYYY-MM-DDThh:mm:ss+hh:mm")


def validated_body(serializer: type[serializers.BaseSerializer[Any]], request: Request) -> Any:
    """The values of the JSON object that a request carries. ParseError without a body: a proxy that
    loses bodies must not turn `{"dry_run": true}` into the beginning of a distribution."""
    data = request.data
    if request.stream is None:
        raise ParseError(NO_BODY)
    return validated(serializer, data)


def validated(serializer: type[serializers.BaseSerializer[Any]], data: Any) -> dict[str, Any]:
    """The values of a body; ValidationError with the path of each invalid one."""
    if not isinstance(data, Mapping):
        raise ValidationError(NO_OBJECT, "not_an_object")
    instance = serializer(data=data)
    instance.is_valid(raise_exception=True)
    values: dict[str, Any] = instance.validated_data
    return values
