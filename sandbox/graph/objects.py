"""Numbers, message templates, WABA and portfolio as objects of the Graph API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.formats.errors import Refusal
from sandbox.templates.message_template import MessageTemplate, shown_components
from sandbox.world.accounts import Number, Portfolio, Waba
from sandbox.world.ratings import rated
from sandbox.world.world import World

# What is shown when a call names no fields.
_NUMBER_FIELDS = (
    "verified_name,code_verification_status,display_phone_number,quality_rating,host_platform,"
    "throughput,webhook_configuration,id"
)
_TEMPLATE_FIELDS = "name,parameter_format,components,language,status,category,id"
_WABA_FIELDS = "id,name,currency,timezone_id,message_template_namespace"
_PORTFOLIO_FIELDS = "id,name"
_TIERS = ((250, "TIER_250"), (2000, "TIER_2K"), (10_000, "TIER_10K"), (100_000, "TIER_100K"))


def number_object(world: World, number: Number, fields: str) -> dict[str, object]:
    """A phone number; `fields` is the requested list, or empty."""
    limit = messaging_limit(world, number.waba.portfolio)
    values: dict[str, Any] = {
        "id": number.id,
        "verified_name": number.verified_name,
        "code_verification_status": "VERIFIED",
        "display_phone_number": number.display,
        "quality_rating": lambda: rated(world, number),
        "quality_score": lambda: {"score": rated(world, number)},
        "host_platform": "CLOUD_API",
        "platform_type": "CLOUD_API",
        "throughput": {"level": number.level},
        "webhook_configuration": {"application": world.app.webhook_url},
        "status": number.status,
        "name_status": "APPROVED",
        "account_mode": "LIVE",
        "is_official_business_account": False,
        "messaging_limit_tier": limit,
        "whatsapp_business_manager_messaging_limit": limit,
        "last_onboarded_time": "2026-01-01T00:00:00+0000",
        "health_status": lambda: _health(
            world, number.waba, ("PHONE_NUMBER", number.id, number.status == "CONNECTED")
        ),
    }
    return _pick(values, fields or _NUMBER_FIELDS)


def template_object(
    world: World, waba: Waba, template: MessageTemplate, fields: str
) -> dict[str, object]:
    """A message template in one language."""
    values: dict[str, Any] = {
        "id": template.id,
        "name": template.name,
        "language": template.language,
        "status": template.status,
        "category": template.category,
        "correct_category": template.correct_category or template.category,
        "previous_category": template.previous_category,
        "parameter_format": "NAMED" if template.named else "POSITIONAL",
        "components": lambda: shown_components(template),
        "quality_score": {"score": template.quality, "date": int(world.clock.now())},
        "rejected_reason": template.rejected_reason,
        "sub_category": "CUSTOM",
        "source": template.source or "USER",
        "cta_url_link_tracking_opted_out": False,
        "message_send_ttl_seconds": template.ttl_s,
        "health_status": lambda: _health(
            world, waba, ("MESSAGE_TEMPLATE", template.id, template.status == "APPROVED")
        ),
    }
    return _pick(values, fields or _TEMPLATE_FIELDS)


def waba_object(world: World, waba: Waba, fields: str) -> dict[str, object]:
    """The WhatsApp Business Account. Without a payment method it has no primary_funding_id."""
    owner = {"id": waba.portfolio.id, "name": "Daybreak"}
    values: dict[str, Any] = {
        "id": waba.id,
        "name": "Daybreak",
        "currency": waba.currency,
        "timezone_id": waba.timezone_id,
        "message_template_namespace": "daybreak",
        "owner_business_info": owner,
        "on_behalf_of_business_info": owner,
        "primary_funding_id": "600000000000001" if waba.payment_ok else None,
        "whatsapp_business_manager_messaging_limit": messaging_limit(world, waba.portfolio),
        "account_review_status": waba.review,
        "health_status": lambda: _health(world, waba),
    }
    shown = _pick(values, fields or _WABA_FIELDS)
    return {name: value for name, value in shown.items() if value is not None}


def portfolio_object(world: World, portfolio: Portfolio, fields: str) -> dict[str, object]:
    """The business portfolio, which has the messaging limit of all its numbers."""
    first = next(waba for waba in world.wabas.values() if waba.portfolio is portfolio)
    values: dict[str, Any] = {
        "id": portfolio.id,
        "name": "Daybreak",
        "whatsapp_business_manager_messaging_limit": messaging_limit(world, portfolio),
        "health_status": lambda: _health(world, first),
    }
    return _pick(values, fields or _PORTFOLIO_FIELDS)


def messaging_limit(world: World, portfolio: Portfolio) -> str:
    """The limit as a read call tells it."""
    if portfolio.shown_limit:
        return portfolio.shown_limit
    limit = world.messaging_limit(portfolio)
    return next((name for most, name in _TIERS if 0 < limit <= most), "TIER_UNLIMITED")


def _health(world: World, waba: Waba, *own: tuple[str, str, bool]) -> dict[str, object]:
    """Whether messages can be sent; one blocked entity blocks all.

    An entity is its type, its id and whether it is in order; `own` is the object that was asked for
    unless it is one of those that every object depends on.
    """
    restricted = waba.is_restricted(world.clock.now())
    waba_ok = waba.payment_ok and not (waba.locked or restricted or waba.disabled)
    entities = (
        *own,
        ("WABA", waba.id, waba_ok),
        ("BUSINESS", waba.portfolio.id, not (waba.locked or waba.portfolio.under_review)),
        ("APP", world.app.id, world.app.token_ok),
    )
    shown: list[dict[str, object]] = [
        {"entity_type": kind, "id": name, "can_send_message": "AVAILABLE" if good else "BLOCKED"}
        for kind, name, good in entities
    ]
    if not waba.payment_ok:
        errors = [{"error_code": 141006, "error_description": "Payment method problem"}]
        shown[len(own)]["errors"] = errors
    good = all(entity[2] for entity in entities)
    return {"can_send_message": "AVAILABLE" if good else "BLOCKED", "entities": shown}


def _pick(values: Mapping[str, Any], fields: str) -> dict[str, object]:
    """The fields of a comma separated list, always with `id`. Raises Refusal 100."""
    names = [name.strip() for name in fields.split(",") if name.strip()]
    unknown = [name for name in names if name not in values]
    if unknown:
        raise Refusal(100, f"Tried accessing nonexisting field ({unknown[0]}).")
    picked = {name: values[name] for name in dict.fromkeys([*names, "id"])}
    return {name: value() if callable(value) else value for name, value in picked.items()}
