"""Numbers, message templates, WABA and portfolio as objects of the Graph API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.errors import Refusal
from sandbox.message_templates import MessageTemplate, components_of
from sandbox.state import Number, World

# What is shown when a call names no fields.
_NUMBER_FIELDS = (
    "verified_name,code_verification_status,display_phone_number,quality_rating,platform_type,"
    "throughput,webhook_configuration,id"
)
_TEMPLATE_FIELDS = "name,parameter_format,components,language,status,category,id"
_WABA_FIELDS = "id,name,currency,timezone_id,message_template_namespace"
_PORTFOLIO_FIELDS = "id,name"
_TIERS = ((250, "TIER_250"), (2000, "TIER_2K"), (10_000, "TIER_10K"), (100_000, "TIER_100K"))


def number_object(world: World, number: Number, fields: str) -> dict[str, object]:
    """A phone number; `fields` is the requested list, or empty."""
    values: dict[str, Any] = {
        "id": number.id,
        "verified_name": number.verified_name,
        "code_verification_status": "VERIFIED",
        "display_phone_number": number.display,
        "quality_rating": number.quality,
        "quality_score": {"score": number.quality},
        "platform_type": "CLOUD_API",
        "throughput": {"level": number.level},
        "webhook_configuration": {"application": world.account.webhook_url},
        "status": number.status,
        "name_status": "APPROVED",
        "account_mode": "LIVE",
        "is_official_business_account": False,
        "messaging_limit_tier": messaging_limit(world),
        "whatsapp_business_manager_messaging_limit": messaging_limit(world),
        "last_onboarded_time": "2026-01-01T00:00:00+0000",
        "health_status": lambda: _health(
            world, ("PHONE_NUMBER", number.id, number.status == "CONNECTED")
        ),
    }
    return _pick(values, fields or _NUMBER_FIELDS)


def template_object(world: World, template: MessageTemplate, fields: str) -> dict[str, object]:
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
        "components": lambda: components_of(template),
        "quality_score": {"score": template.quality, "date": int(world.clock.now())},
        "rejected_reason": "NONE",
        "message_send_ttl_seconds": template.ttl_s,
        "health_status": lambda: _health(
            world, ("MESSAGE_TEMPLATE", template.id, template.status == "APPROVED")
        ),
    }
    return _pick(values, fields or _TEMPLATE_FIELDS)


def waba_object(world: World, fields: str) -> dict[str, object]:
    """The WhatsApp Business Account."""
    account = world.account
    values: dict[str, Any] = {
        "id": account.waba_id,
        "name": "Daybreak",
        "currency": account.currency,
        "timezone_id": account.timezone_id,
        "message_template_namespace": "daybreak",
        "whatsapp_business_manager_messaging_limit": messaging_limit(world),
        "health_status": lambda: _health(world),
    }
    return _pick(values, fields or _WABA_FIELDS)


def portfolio_object(world: World, fields: str) -> dict[str, object]:
    """The business portfolio, which has the messaging limit of all numbers."""
    values: dict[str, Any] = {
        "id": world.account.portfolio_id,
        "name": "Daybreak",
        "whatsapp_business_manager_messaging_limit": messaging_limit(world),
        "health_status": lambda: _health(world),
    }
    return _pick(values, fields or _PORTFOLIO_FIELDS)


def messaging_limit(world: World) -> str:
    limit = world.settings.portfolio_limit
    return next((name for most, name in _TIERS if 0 < limit <= most), "TIER_UNLIMITED")


def _health(world: World, *own: tuple[str, str, bool]) -> dict[str, object]:
    """Whether messages can be sent; one blocked entity blocks all.

    An entity is its type, its id and whether it is in order; `own` is the object that was asked for
    unless it is one of those that every object depends on.
    """
    account = world.account
    waba_ok = account.payment_ok and not (account.locked or account.restricted or account.disabled)
    entities = (
        *own,
        ("WABA", account.waba_id, waba_ok),
        ("BUSINESS", account.portfolio_id, not account.locked),
        ("APP", "1", account.token_ok),
    )
    shown: list[dict[str, object]] = [
        {"entity_type": kind, "id": name, "can_send_message": "AVAILABLE" if good else "BLOCKED"}
        for kind, name, good in entities
    ]
    if not account.payment_ok:
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
