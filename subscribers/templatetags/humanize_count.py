"""Counts as people read them."""

from __future__ import annotations

from django import template

register = template.Library()


@register.filter
def thousands(count: int) -> str:
    """`100000` as `100,000`."""
    return f"{count:,}"
