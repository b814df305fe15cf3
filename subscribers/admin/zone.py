"""The zone of the dates and times that people write into forms, beside every such field."""

from __future__ import annotations

from collections.abc import Iterable

from django import forms

NAME = "Indian Standard Time"
HELP = f"{NAME} (IST)."
FIELDS = (forms.DateField, forms.TimeField, forms.DateTimeField, forms.SplitDateTimeField)


def name_in_field(field: forms.Field | None) -> None:
    """Say the zone in the field's help if it is of a date or a time."""
    if isinstance(field, FIELDS) and NAME not in f"{field.label} {field.help_text}":
        field.help_text = f"{field.help_text} {HELP}".strip()


def name_in_forms(values: Iterable[object]) -> None:
    """Say it in every such field of the forms among these values."""
    for form in values:
        if isinstance(form, forms.BaseForm):
            for field in form.fields.values():
                name_in_field(field)
