"""The columns of a checked file: what each of them is to be, and a sample of a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

from subscribers.details.titles import FIELDS, attribute_of, field_of
from subscribers.importing.columns import ATTRIBUTE, LEFT_OUT, REFUSAL_TITLES

AS_LEFT_OUT = "left-out"  # in the form: an empty choice would be no choice
SAMPLE = (
    ("phone", "name", "tier", "language", "email", "City"),
    ("98123 45601", "Asha Rao", "premium", "en", "asha@example.com", "Pune"),
    ("+91 98123 45602", "रवि कुमार", "pro", "Hindi", "", "मुंबई"),
    ("098123-45603", "Meera", "", "", "", ""),
)


class ColumnsForm(forms.Form):
    """A choice for each column of a file; only what differs from its title is kept."""

    def __init__(self, titles: Sequence[str], chosen: dict[str, str], *args: Any) -> None:
        super().__init__(*args)
        self.titles = titles
        for place, title in enumerate(titles):
            usual = _usual(title)
            self.fields[f"column-{place}"] = forms.ChoiceField(
                label=title or f"Column {place + 1}",
                initial=_shown(chosen.get(str(place), usual)),
                choices=[
                    *((name, name) for name in FIELDS),
                    (ATTRIBUTE, f"custom field {{{_detail(title, place)}}}"),
                    (AS_LEFT_OUT, "leave out"),
                ],
            )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        taken = [value for value in data.values() if value in FIELDS]
        for name in FIELDS:
            if taken.count(name) > 1:
                raise forms.ValidationError(f"Choose one column for the {name}.")
        if not self.errors and "phone" not in taken:
            raise forms.ValidationError("Choose the column with the phone number.")
        return data

    def chosen(self) -> dict[str, str]:
        """The choices by the place of the column, as a job keeps them."""
        choices = {}
        for place, title in enumerate(self.titles):
            choice = self.cleaned_data[f"column-{place}"]
            if choice != _shown(_usual(title)):
                choices[str(place)] = LEFT_OUT if choice == AS_LEFT_OUT else choice
        return choices


def _usual(title: str) -> str:
    """What a column is by its title alone."""
    return LEFT_OUT if title in REFUSAL_TITLES else field_of(title) or ATTRIBUTE


def _shown(choice: str) -> str:
    return choice or AS_LEFT_OUT


def _detail(title: str, place: int) -> str:
    return attribute_of(f"other {title}" if field_of(title) else title, place + 1)
