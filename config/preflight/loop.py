"""What the messages of a preflight show: the whole loop of every number. Pure.

Sent, answered, reported by a webhook, received and applied: a number passes if one phone of the
staff has its message within 90 s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from config.setup.items import Finding, fails, not_checked, ok, warning

SENT_WITHIN, DELIVERED_WITHIN = 20.0, 90.0  # seconds
# About the phone, not about the number: capped, opted out, unreachable.
INCONCLUSIVE = (131049, 131050, 131026)


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """One test message; seconds from its start, None: not yet."""

    answered: bool
    accepted: bool
    held: bool
    sent: float | None
    delivered: float | None
    failed: bool
    code: int | None
    details: str

    @property
    def is_inconclusive(self) -> bool:
        return self.code in INCONCLUSIVE

    @property
    def is_reported(self) -> bool:
        return self.sent is not None or self.delivered is not None or self.failed


def number(messages: Sequence[MessageFacts], *, receiver_works: bool) -> Finding:
    """The finding about one number."""
    delivered = [one for one in messages if _in_time(one)]
    if delivered:
        return _passed(delivered[0], messages)
    refused = [one for one in messages if one.code is not None and not one.is_inconclusive]
    if refused:
        words = {"details": refused[0].details or _("no reason given"), "code": refused[0].code}
        seen = _("Refused: %(details)s (code %(code)s).") % words
        return fails(seen, _("See Phone numbers for the reason."))
    if any(not one.answered for one in messages):
        return fails(_("The Cloud API did not answer."), _("Check the network and Meta's status."))
    if not [one for one in messages if not one.is_inconclusive]:
        seen = _("Inconclusive: WhatsApp delivers to none of the staff phones now.")
        return warning(seen, _("Add another staff phone."))
    if any(one.held for one in messages):
        return warning(_("Held by Meta for a quality assessment."), _("Watch the next minutes."))
    if not any(one.accepted for one in messages):
        seen = messages[0].details or _("not accepted")
        return fails(_("Not accepted: %(why)s.") % {"why": seen}, _("See Phone numbers."))
    if not receiver_works:
        return not_checked(_("Accepted, but no webhook came back."))
    if not any(one.is_reported for one in messages):
        return fails(_("Accepted, but no report came within 90 s."), _("Check the account."))
    seen = _("Sent, but not delivered to a staff phone within 90 s.")
    return warning(seen, _("Check that the phones are online."))


def _in_time(one: MessageFacts) -> bool:
    return one.delivered is not None and one.delivered <= DELIVERED_WITHIN


def _passed(best: MessageFacts, messages: Sequence[MessageFacts]) -> Finding:
    delivered = min(one.delivered for one in messages if one.delivered is not None)
    sent = min((one.sent for one in messages if one.sent is not None), default=delivered)
    words = {"sent": f"{sent:.0f}", "delivered": f"{delivered:.0f}"}
    seen = _("Sent after %(sent)s s, delivered after %(delivered)s s.") % words
    if best.held or sent > SENT_WITHIN:
        return warning(seen, _("Slower than the 20 s that are usual. Watch the next minutes."))
    return ok(seen)


def receiver(messages: Sequence[MessageFacts]) -> Finding:
    """Whether webhooks come back and are applied."""
    accepted = [one for one in messages if one.accepted]
    if not accepted:
        return not_checked(_("No message was accepted, so nothing is reported."))
    if not any(one.is_reported for one in accepted):
        seen = _("WhatsApp accepted the messages, but no webhook about them was applied.")
        to_do = _("Check the receiver, its address from outside, and the webhooks worker.")
        return fails(seen, to_do)
    return ok(_("Webhooks come back and are applied."))


def seconds(start: datetime, moment: datetime | None) -> float | None:
    return None if moment is None else (moment - start).total_seconds()
