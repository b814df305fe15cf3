"""People who asked to be erased: the request, and keyed hashes of their identities."""

from __future__ import annotations

from django.db import models

from subscribers.models.people import Subscriber


class Erasure(models.Model):
    """A request to be erased. Messages stop at once, the details are deleted later; the hash of
    the phone stays, so that no file adds the person again."""

    subscriber = models.OneToOneField(Subscriber, models.PROTECT, related_name="erasure")
    phone_hash = models.CharField(max_length=64, db_index=True)
    reason = models.CharField(max_length=200)
    asked_by = models.CharField(max_length=150)
    asked_at = models.DateTimeField()
    purged_at = models.DateTimeField(null=True, blank=True)
    # The last stored webhook in which they were searched for, see webhooks/applying/erasure.py.
    searched_to = models.BigIntegerField(default=0, editable=False)
    # The latest STOP since: all that is kept of it. A START that is not later brings nobody back.
    stopped_at = models.DateTimeField(null=True, blank=True, editable=False)

    def __str__(self) -> str:
        return f"erasure of subscriber {self.subscriber_id}"


class ErasedIdentity(models.Model):
    """The hash of a user id or of a WhatsApp id of somebody who asked to be erased."""

    erasure = models.ForeignKey(Erasure, models.CASCADE, related_name="identities")
    identity_hash = models.CharField(max_length=64, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["erasure", "identity_hash"], name="erased_identity_once"
            ),
        ]
        default_permissions = ()  # shown on no page
        verbose_name_plural = "erased identities"

    def __str__(self) -> str:
        return f"identity of {self.erasure}"
