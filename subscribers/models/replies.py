"""What people write back, other than STOP and START, which are their consent history."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from subscribers.models.people import Subscriber

TEXT_LIMIT = 1000  # characters; WhatsApp takes 4,096


class Reply(models.Model):
    """One message of a person to one of our numbers. Deleted with the webhooks it came by, and when
    the person is erased."""

    subscriber = models.ForeignKey(
        Subscriber, models.CASCADE, related_name="replies", verbose_name=_("person")
    )
    at = models.DateTimeField(_("received"), db_index=True)
    text = models.CharField(_("text"), max_length=TEXT_LIMIT, blank=True, default="")
    kind = models.CharField(_("type"), max_length=20)  # text, button, image, … in Meta's words
    # A keyed digest of Meta's message id, which contains the number: the same message is kept once.
    digest = models.CharField(max_length=64, unique=True, editable=False)

    class Meta:
        ordering = ["-at", "-pk"]
        verbose_name = _("reply")
        verbose_name_plural = _("replies")
        indexes = [models.Index(fields=["subscriber", "-at"], name="reply_of_subscriber")]

    def __str__(self) -> str:
        return f"reply {self.pk}"
