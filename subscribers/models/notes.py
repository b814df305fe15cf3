"""What staff note about a person."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from subscribers.models.people import Subscriber

NOTE_LIMIT = 1000  # characters


class Note(models.Model):
    """A short text about one person. It is never changed; its author can delete it. Deleted when
    the person is erased."""

    subscriber = models.ForeignKey(
        Subscriber, models.CASCADE, related_name="notes", verbose_name=_("person")
    )
    text = models.CharField(_("note"), max_length=NOTE_LIMIT)
    by = models.CharField(_("author"), max_length=150)  # a user name
    at = models.DateTimeField(_("written"))

    class Meta:
        ordering = ["-at", "-pk"]
        verbose_name = _("note")
        verbose_name_plural = _("notes")
        default_permissions = ()  # those who see the person see it; who changes the person writes
        indexes = [models.Index(fields=["subscriber", "-at"], name="note_of_subscriber")]

    def __str__(self) -> str:
        return f"note {self.pk}"
