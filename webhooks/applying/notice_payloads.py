"""Meta's notices (the management fields) → typed events. None has a time of its own, so each has
that of its entry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from phonepool.json_values import as_array, as_constant, as_datetime, as_object, as_text
from phonepool.numbers import limits
from webhooks.applying import events
from webhooks.applying.changes import Change, Item
from webhooks.applying.events import TemplateName

LATEST = datetime.max.replace(tzinfo=UTC)  # an end may lie in the future


def _template(change: Change) -> TemplateName:
    return TemplateName(
        meta_id=as_text(change.value.get("message_template_id"), longest=32),
        name=as_text(change.value.get("message_template_name"), longest=512),
        language=as_text(change.value.get("message_template_language"), longest=10).replace(
            "-", "_"
        ),
    )


def _template_status(change: Change) -> Iterator[Item]:
    event = as_constant(change.value.get("event"))
    if not event:
        yield "message_template_status_update.event"
        return
    info = (
        as_constant(change.value.get("reason")),
        as_text(as_object(change.value.get("other_info")).get("title")),
        as_text(as_object(change.value.get("rejection_info")).get("reason")),
    )
    reason = ", ".join(word for word in info if word not in ("", "NONE"))[:200]
    category = as_constant(change.value.get("message_template_category"))
    template = _template(change)
    yield events.TemplateStatusChanged(change.account, change.at, template, event, reason, category)


def _template_quality(change: Change) -> Iterator[Item]:
    if score := as_constant(change.value.get("new_quality_score")):
        yield events.TemplateQualityChanged(change.account, change.at, _template(change), score)
    else:
        yield "message_template_quality_update.new_quality_score"


def _template_category(change: Change) -> Iterator[Item]:
    # In the notice ahead of time `new_category` is the present one.
    coming = as_constant(change.value.get("correct_category"))
    if category := coming or as_constant(change.value.get("new_category")):
        yield events.TemplateCategoryChanged(
            change.account, change.at, _template(change), category, bool(coming)
        )
    else:
        yield "template_category_update.new_category"


def _template_components(change: Change) -> Iterator[Item]:
    yield events.TemplateEdited(change.account, change.at, _template(change))


def _digits(change: Change) -> str:
    shown = as_text(change.value.get("display_phone_number"), longest=40)
    return "".join(sign for sign in shown if sign.isdigit())


def _number_quality(change: Change) -> Iterator[Item]:
    """Despite its name mostly about throughput and the portfolio's limit."""
    digits, event = _digits(change), as_constant(change.value.get("event"))
    if digits and event:
        yield events.NumberQualityChanged(change.account, change.at, digits, event)
    else:
        yield "phone_number_quality_update.event"
    for key in ("max_daily_conversations_per_business", "current_limit"):
        if limit := limits.parse(change.value.get(key)):
            yield events.LimitChanged(change.account, change.at, limit)
            return


def _capability(change: Change) -> Iterator[Item]:
    if limit := limits.parse(change.value.get("max_daily_conversations_per_business")):
        yield events.LimitChanged(change.account, change.at, limit)
    else:
        yield "business_capability_update.max_daily_conversations_per_business"


def _account(change: Change) -> Iterator[Item]:
    event = as_constant(change.value.get("event"))
    if not event:
        yield "account_update.event"
        return
    restrictions = [
        as_object(restriction) for restriction in as_array(change.value.get("restriction_info"))
    ]
    words = (
        as_constant(as_object(change.value.get("violation_info")).get("violation_type")),
        as_constant(as_object(change.value.get("ban_info")).get("waba_ban_state")),
        as_constant(as_object(change.value.get("disconnection_info")).get("reason")),
        *(as_constant(restriction.get("restriction_type")) for restriction in restrictions),
    )
    # PARTNER_… events may be told in the name of another account than the one concerned.
    concerned = as_text(as_object(change.value.get("waba_info")).get("waba_id"), longest=32)
    ends = [_end(restriction.get("expiration")) for restriction in restrictions]
    yield events.AccountNotice(
        concerned or change.account,
        change.at,
        event,
        tuple(filter(None, words)),
        max(filter(None, ends), default=None) if all(ends) else None,
    )


def _end(expiration: object) -> datetime | None:
    """When a restriction ends; None if Meta does not say."""
    end = as_datetime(expiration, latest=LATEST)
    return None if end == LATEST else end


def _account_review(change: Change) -> Iterator[Item]:
    if decision := as_constant(change.value.get("decision")):
        yield events.AccountNotice(change.account, change.at, "ACCOUNT_REVIEW", (decision,), None)
    else:
        yield "account_review_update.decision"


def _account_alert(change: Change) -> Iterator[Item]:
    info = as_object(change.value.get("alert_info"))
    words = tuple(
        as_constant(info.get(key)) for key in ("alert_type", "alert_severity", "alert_status")
    )
    if words[0]:
        yield events.AccountNotice(change.account, change.at, "ACCOUNT_ALERT", words, None)
    else:
        yield "account_alerts"


def _number_name(change: Change) -> Iterator[Item]:
    yield _number_notice(change, "phone_number_name_update", "decision", "rejection_reason")


def _security(change: Change) -> Iterator[Item]:
    yield _number_notice(change, "security", "event")


def _number_notice(change: Change, field: str, *keys: str) -> Item:
    digits = _digits(change)
    words = [as_constant(change.value.get(key)) for key in keys]
    if not digits or not words[0]:
        return field
    return events.NumberNotice(
        change.account, change.at, digits, field, ", ".join(filter(None, words))
    )


READERS: dict[str, Callable[[Change], Iterator[Item]]] = {
    "message_template_status_update": _template_status,
    "message_template_quality_update": _template_quality,
    "template_category_update": _template_category,
    "message_template_components_update": _template_components,
    "phone_number_quality_update": _number_quality,
    "phone_number_name_update": _number_name,
    "business_capability_update": _capability,
    "account_update": _account,
    "account_review_update": _account_review,
    "account_alerts": _account_alert,
    "security": _security,
}
