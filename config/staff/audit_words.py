"""What an entry of the audit log says: one vocabulary for all pages and the API, old entries too.

Entries are never changed, so the words of earlier versions are translated here when they are shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.admin.models import ADDITION, DELETION, LogEntry
from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

# What was written, without a full stop and in small letters → what is shown.
VERBS = {
    "exported": _("Exported"),
    "made": _("Created"),
    "added": _("Created"),
    "planned": _("Scheduled"),
    "triggered": _("Started"),
    "cancelled": _("Cancelled"),
    "deleted": _("Deleted"),
    "revoked": _("Revoked"),
    "acknowledged": _("Acknowledged"),
    "export": _("Exported"),
    "export all about them": _("Exported everything about this person"),
    "export deliveries": _("Exported deliveries"),
    "deliveries exported": _("Exported deliveries"),
    "erase": _("Marked for erasure"),
    "purge": _("Erased personal details"),
    "opt out": _("Unsubscribed"),
    "opt in": _("Subscribed again"),
    "pause": _("Paused"),
    "resume": _("Resumed"),
    "cancel": _("Cancelled"),
    "cancel distribution": _("Cancelled"),
    "confirm": _("Confirmed"),
    "reason for the pause": _("Gave the reason for the pause"),
    "retry failed": _("Retried failed deliveries"),
    "start now": _("Started"),
    "start": _("Started"),
    "retry": _("Retried failed deliveries"),
    "submit": _("Submitted for review"),
    "submitted": _("Submitted for review"),
    "withdraw": _("Withdrew from review"),
    "comment": _("Commented"),
    "approve": _("Approved"),
    "reject": _("Rejected"),
    "new version": _("Created a new version"),
    "new-version": _("Created a new version"),
    "choose-fallback": _("Chose as fallback"),
    "duplicate": _("Duplicated"),
    "withdrawn": _("Withdrew from review"),
    "commented": _("Commented"),
    "test": _("Sent a test"),
    "sync": _("Synced with Meta"),
    "gave a new secret": _("Rotated the secret"),
    "sent again": _("Sent again"),
    "tried again": _("Processed again"),
    "details changed": _("Changed details"),
    "list uploaded": _("Uploaded a list"),
    "import confirmed": _("Confirmed the import"),
    "import stopped": _("Stopped the import"),
    "import undone": _("Undid the import"),
    "undo import": _("Undid the import"),
    "unconfirmed: send again": _("Sent unconfirmed deliveries again"),
    "unconfirmed: leave as it is": _("Left unconfirmed deliveries as they are"),
    "read the phone number in full": _("Saw the full phone number"),
    "sign out everywhere": _("Signed out everywhere"),
    "reset the second factor": _("Reset two-factor authentication"),
    "reset two-factor authentication": _("Reset two-factor authentication"),
    "set up a second factor": _("Set up two-factor authentication"),
    "replaced the second factor": _("Replaced two-factor authentication"),
    "gave the right password; the code is still to come": _(
        "Entered the password, not yet the code"
    ),
    "gave a wrong password": _("Sign-in failed: wrong password"),
    "gave a wrong code": _("Sign-in failed: wrong code"),
    "refused while locked": _("Sign-in refused: locked"),
    "details deleted": _("Erased personal details"),
    "erasure requested": _("Marked for erasure"),
    "failed deliveries retried": _("Retried failed deliveries"),
    "secret rotated": _("Rotated the secret"),
    "sent the notification again": _("Sent again"),
    "status set": _("Changed the status"),
    "test event sent": _("Sent a test event"),
    "upload": _("Uploaded a list"),
    "choose columns": _("Chose the columns"),
    "import": _("Confirmed the import"),
    "cancel import": _("Cancelled the import"),
    "download refused lines": _("Downloaded rejected rows"),
    "added from meta's list": _("Added from Meta’s list"),
    "verify token shown": _("Saw the verify token"),
    "webhook connected": _("Connected the webhook"),
    "test message": _("Sent a test message"),
}
FIELDS = {
    "groups": _("roles"),
    "is_staff": _("can sign in"),
    "is_active": _("can sign in"),
    "user_permissions": _("extra permissions"),
    "body_variables": _("variables"),
    "button_variables": _("button variables"),
    "button_values": _("button variables"),
    "day": _("send date"),
}
COUNTS = ("people", "rows", "changed")  # facts that say how many an entry is about
# Verbs whose count is a part of the sentence: "Exported 2,005 subscribers".
COUNTED = ("Exported", "Unsubscribed", "Subscribed again", "Paused", "Resumed")


def sentence(entry: LogEntry, parts: Sequence[Mapping[str, Any]]) -> str:
    """What was done, in words that need no other column."""
    acts = [str(part["act"]) for part in parts if "act" in part]
    if acts:
        return " ".join(_said(act, parts, entry) for act in acts)
    fields = list(dict.fromkeys(_changed_fields(parts)))
    if fields and entry.action_flag not in (ADDITION, DELETION):
        return gettext("Changed %(fields)s") % {"fields": ", ".join(fields)}
    if entry.action_flag == ADDITION:
        return gettext("Created")
    if entry.action_flag == DELETION:
        return gettext("Deleted")
    return _django_words(entry)


def field_name(name: str) -> str:
    """A column as people call it."""
    own = FIELDS.get(name)
    return gettext(own) if own else name.removesuffix("_id").replace("_", " ")


def _said(act: str, parts: Sequence[Mapping[str, Any]], entry: LogEntry) -> str:
    plain, channel = _without_channel(act)
    key = plain.strip().rstrip(".").lower()
    words = VERBS.get(key, plain.strip().rstrip("."))
    shown, count = gettext(words), _count(parts)
    if count is not None and words in COUNTED:
        kind = entry.content_type.name if entry.content_type else "row"
        shown = f"{shown} {intcomma(count)} {kind}{'' if count == 1 else 's'}"
    return f"{shown} by {channel}" if channel else shown


def _without_channel(act: str) -> tuple[str, str]:
    """`Unsubscribed (API token billing)` in two: what was done, and by what but the admin."""
    plain, opened, channel = act.partition(" (API")
    return (plain, f"API{channel[:-1]}") if opened and channel.endswith(")") else (act, "")


def _count(parts: Sequence[Mapping[str, Any]]) -> int | None:
    for part in parts:
        after = part.get("after")
        if not isinstance(after, dict):
            continue
        for name in COUNTS:
            if isinstance(after.get(name), int) and not isinstance(after[name], bool):
                return int(after[name])
    return None


def _changed_fields(parts: Sequence[Mapping[str, Any]]) -> list[str]:
    named = [name for part in parts for name in _names(part.get("after"))]
    listed = [
        name
        for part in parts
        for name in (part.get("changed") or {}).get("fields", ())
        if isinstance(part.get("changed"), dict)
    ]
    return [field_name(str(name)) for name in (named or listed)]


def _names(side: Any) -> list[str]:
    return list(side) if isinstance(side, dict) else []


def _django_words(entry: LogEntry) -> str:
    words = entry.get_change_message() or str(entry.get_action_flag_display())
    return words.rstrip(".")
