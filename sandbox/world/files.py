"""Uploaded files: each belongs to the number it was uploaded on and lives for 30 days."""

from __future__ import annotations

from dataclasses import dataclass

LIFETIME_S = 30 * 86_400.0


@dataclass(slots=True)
class Media:
    """An uploaded file."""

    id: str
    number_id: str
    mime_type: str
    content: bytes
    uploaded_at: float

    def is_usable(self, number_id: str, now: float) -> bool:
        """Whether this number may send it."""
        return self.number_id == number_id and now < self.uploaded_at + LIFETIME_S
