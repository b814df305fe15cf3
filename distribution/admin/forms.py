"""The one form of every act: why."""

from __future__ import annotations

from django import forms


class ReasonForm(forms.Form):
    """A reason, which is kept with what was done."""

    reason = forms.CharField(
        label="Reason",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3, "autofocus": True}),
        help_text="Kept in the log with your name.",
        error_messages={"required": "Give a reason: it is kept with what you do."},
    )
