"""The tables of this app, one module per noun."""

from __future__ import annotations

from subscribers.models.consent import ConsentEvent, Suppression
from subscribers.models.erasures import ErasedIdentity, Erasure
from subscribers.models.imported_people import ImportedPerson, ImportUndo
from subscribers.models.imports import ImportFile, ImportJob, ImportPiece, ImportState
from subscribers.models.notes import Note
from subscribers.models.people import (
    EXPORT_SUBSCRIBERS,
    FULL_PHONE,
    LANGUAGE_PATTERN,
    TIER_ORDER,
    Status,
    Subscriber,
    SubscriberQuerySet,
    Tier,
    WhatsAppIdentity,
)
from subscribers.models.replies import Reply
from subscribers.models.sent_forms import SentForm
from subscribers.models.shown_sets import ShownSet

__all__ = [
    "EXPORT_SUBSCRIBERS",
    "FULL_PHONE",
    "LANGUAGE_PATTERN",
    "TIER_ORDER",
    "ConsentEvent",
    "ErasedIdentity",
    "Erasure",
    "ImportFile",
    "ImportJob",
    "ImportPiece",
    "ImportState",
    "ImportUndo",
    "ImportedPerson",
    "Note",
    "Reply",
    "SentForm",
    "ShownSet",
    "Status",
    "Subscriber",
    "SubscriberQuerySet",
    "Suppression",
    "Tier",
    "WhatsAppIdentity",
]
