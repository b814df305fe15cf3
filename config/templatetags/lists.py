"""What a list of the admin says about itself: its active filters, and why it is empty; and how long
ago something was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import template

from config.staff import empty_lists
from distribution.runtime.text_formats import relative

register = template.Library()


@dataclass(frozen=True, slots=True)
class ActiveFilter:
    """One filter that narrows the list, and the address of the list without it."""

    name: str
    value: str
    remove: str


@register.filter
def empty_words(changelist: Any) -> str:
    return empty_lists.words(changelist.opts.label_lower)


@register.filter
def relative_to(moment: datetime, now: datetime) -> str:
    """ "5 min ago", "just now"."""
    return relative(moment, now)


@register.filter
def active_filters(changelist: Any) -> list[ActiveFilter]:
    """The chosen filters, also one that is chosen by default, such as the latest distribution."""
    found = []
    for spec in changelist.filter_specs:
        parameters = spec.expected_parameters()
        remove = changelist.get_query_string(remove=parameters)
        chosen = [choice for choice in spec.choices(changelist) if choice.get("selected")]
        asked = any(name in changelist.params for name in parameters) or any(
            name in changelist.filter_params for name in parameters
        )
        default = spec.value() if hasattr(spec, "value") else None
        if chosen and (asked or default):
            value = str(chosen[0]["display"])
            found.append(ActiveFilter(str(spec.title), value, remove if asked else ""))
    return found
