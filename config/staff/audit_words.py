"""What an entry of the audit log says: one vocabulary for all pages and the API, old entries too.

Entries are never changed, so the words of earlier versions are translated here when they are shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.admin.models import ADDITION, DELETION, LogEntry
from django.contrib.humanize.templatetags.humanize import intcomma

# What was written, without a full stop and in small letters → what is shown.
VERBS = {
    "exported": "Exported",
    "made": "Created",
    "added": "Created",
    "planned": "Scheduled",
    "triggered": "Started",
    "cancelled": "Cancelled",
    "deleted": "Deleted",
    "revoked": "Revoked",
    "acknowledged": "Acknowledged",
    "export": "Exported",
    "export all about them": "Exported everything about this person",
    "export deliveries": "Exported deliveries",
    "deliveries exported": "Exported deliveries",
    "erase": "Marked for erasure",
    "purge": "Erased personal details",
    "opt out": "Unsubscribed",
    "opt in": "Subscribed again",
    "pause": "Paused",
    "resume": "Resumed",
    "cancel": "Cancelled",
    "cancel distribution": "Cancelled",
    "confirm": "Confirmed",
    "reason for the pause": "Gave the reason for the pause",
    "retry failed": "Retried failed deliveries",
    "start now": "Started",
    "start": "Started",
    "retry": "Retried failed deliveries",
    "submit": "Submitted for review",
    "submitted": "Submitted for review",
    "withdraw": "Withdrew from review",
    "comment": "Commented",
    "approve": "Approved",
    "reject": "Rejected",
    "new version": "Created a new version",
    "new-version": "Created a new version",
    "choose-fallback": "Chose as fallback",
    "duplicate": "Duplicated",
    "withdrawn": "Withdrew from review",
    "commented": "Commented",
    "test": "Sent a test",
    "sync": "Synced with Meta",
    "gave a new secret": "Rotated the secret",
    "sent again": "Sent again",
    "tried again": "Processed again",
    "details changed": "Changed details",
    "list uploaded": "Uploaded a list",
    "import confirmed": "Confirmed the import",
    "import stopped": "Stopped the import",
    "import undone": "Undid the import",
    "undo import": "Undid the import",
    "unconfirmed: send again": "Sent unconfirmed deliveries again",
    "unconfirmed: leave as it is": "Left unconfirmed deliveries as they are",
    "read the phone number in full": "Saw the full phone number",
    "sign out everywhere": "Signed out everywhere",
    "reset the second factor": "Reset two-factor authentication",
    "reset two-factor authentication": "Reset two-factor authentication",
    "set up a second factor": "Set up two-factor authentication",
    "replaced the second factor": "Replaced two-factor authentication",
    "gave the right password; the code is still to come": "Entered the password, not yet the code",
    "gave a wrong password": "Sign-in failed: wrong password",
    "gave a wrong code": "Sign-in failed: wrong code",
    "refused while locked": "Sign-in refused: locked",
}
FIELDS = {
    "groups": "roles",
    "is_staff": "can sign in",
    "user_permissions": "extra permissions",
    "body_variables": "variables",
    "button_variables": "button variables",
    "button_values": "button variables",
    "day": "send date",
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
        return f"Changed {', '.join(fields)}"
    if entry.action_flag == ADDITION:
        return "Created"
    if entry.action_flag == DELETION:
        return "Deleted"
    return _django_words(entry)


def field_name(name: str) -> str:
    """A column as people call it."""
    return FIELDS.get(name, name.removesuffix("_id").replace("_", " "))


def _said(act: str, parts: Sequence[Mapping[str, Any]], entry: LogEntry) -> str:
    plain, channel = _without_channel(act)
    key = plain.strip().rstrip(".").lower()
    words = VERBS.get(key, plain.strip().rstrip("."))
    count = _count(parts)
    if count is not None and words in COUNTED:
        kind = entry.content_type.name if entry.content_type else "row"
        words = f"{words} {intcomma(count)} {kind}{'' if count == 1 else 's'}"
    return f"{words} by {channel}" if channel else words


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
