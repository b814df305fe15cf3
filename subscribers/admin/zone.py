"""The zone and an example of the dates and times that people write into forms."""

from __future__ import annotations

import re
from collections.abc import Iterable

from django import forms
from django.utils import timezone
from django.utils.dateparse import parse_datetime

NAME = "Indian Standard Time"
HELP = f"{NAME} (IST)."
DATE_EXAMPLE, TIME_EXAMPLE = "30/11/2026", "6:30 am"
PICKERS = ("date", "time", "datetime-local")  # their placeholder is the browser's
FIELDS = (forms.DateField, forms.TimeField, forms.DateTimeField, forms.SplitDateTimeField)

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")


def shown_in_india(text: str) -> str:
    """A stored text with its moments as the pages show them: 23 Nov 2026, 06:00:12 IST."""
    return _MOMENT.sub(lambda found: _local(found[0]), text)


def _local(moment: str) -> str:
    try:
        at = parse_datetime(moment)
    except ValueError:  # such as a thirteenth month: people write evidence, too
        return moment
    return f"{timezone.localtime(at):%-d %b %Y, %H:%M:%S %Z}" if at else moment


def name_in_field(field: forms.Field | None) -> None:
    """Say the zone in the field's help if it is of a date or a time."""
    if not isinstance(field, FIELDS):
        return
    if NAME not in f"{field.label} {field.help_text}":
        field.help_text = f"{field.help_text} {HELP}".strip()
    _show_example(field)


def _show_example(field: forms.Field) -> None:
    """What to type, where a picker of the browser does not say it."""
    if isinstance(field, forms.SplitDateTimeField):
        widgets = zip(field.widget.widgets, (DATE_EXAMPLE, TIME_EXAMPLE), strict=True)
    elif isinstance(field, forms.DateTimeField):
        widgets = zip([field.widget], [f"{DATE_EXAMPLE} {TIME_EXAMPLE}"], strict=True)
    else:
        example = DATE_EXAMPLE if isinstance(field, forms.DateField) else TIME_EXAMPLE
        widgets = zip([field.widget], [example], strict=True)
    for widget, example in widgets:
        if widget.attrs.get("type") not in PICKERS:
            widget.attrs["placeholder"] = example


def name_in_forms(values: Iterable[object]) -> None:
    """Say it in every such field of the forms among these values."""
    for form in values:
        if isinstance(form, forms.BaseForm):
            for field in form.fields.values():
                name_in_field(field)
