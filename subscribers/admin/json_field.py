"""JSON in a form, of which every mistake is told beside the field."""

from __future__ import annotations

from typing import Any

from django import forms


class ToldJson(forms.JSONField):
    """Django's field catches `JSONDecodeError` only; a number of 4,301 digits is another error."""

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except (ValueError, RecursionError):
            raise forms.ValidationError(self.error_messages["invalid"], "invalid") from None

    def bound_data(self, data: Any, initial: Any) -> Any:
        try:
            return super().bound_data(data, initial)
        except (ValueError, RecursionError):
            return forms.fields.InvalidJSONInput(data)  # shown again as it was typed
