"""Which reports that come after acceptance still say something about the number.

They trickle in for seconds or minutes after the messages they are about. Those of messages that
were sent before the rate was cut, or before the number rested, are about what has been dealt with.
"""

from __future__ import annotations

from collections.abc import Sequence

from phonepool.models import PhoneEvent, PhoneNumber
from phonepool.numbers.breakers import CallReport
from phonepool.numbers.health import CUT_INTERVAL_SECONDS

REST_EVENTS = ("resting", "woken", "enabled")


def after_last_cut(number_id: int, reports: Sequence[CallReport]) -> list[CallReport]:
    """Without the late ones about messages sent at a rate that was cut since."""
    if not any(report.late for report in reports):
        return list(reports)
    cut_at = PhoneNumber.objects.values_list("cut_at", flat=True).get(pk=number_id)
    return _sent_since(cut_at + CUT_INTERVAL_SECONDS, reports)


def after_last_rest(number_id: int, reports: Sequence[CallReport]) -> list[CallReport]:
    """Without the late ones about messages sent before the number last rested or came back."""
    if not any(report.late for report in reports):
        return list(reports)
    events = PhoneEvent.objects.filter(number_id=number_id, kind__in=REST_EVENTS)
    latest = events.order_by("-at").values_list("at", flat=True).first()
    return _sent_since(latest.timestamp() if latest else 0.0, reports)


def _sent_since(moment: float, reports: Sequence[CallReport]) -> list[CallReport]:
    return [report for report in reports if not report.late or report.slot >= moment]
