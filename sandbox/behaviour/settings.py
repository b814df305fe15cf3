"""All settings of the sandbox in one flat list, and their profiles.

`profiles/realistic.json` has every value, another profile what differs from it. Overrides are JSON
from the command line and the control API; unknown names and invalid values are refused, never
ignored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_type_hints

from sandbox.behaviour.outcomes import MessageOutcome
from sandbox.formats.values import InvalidValue, checked

_FOLDER = Path(__file__).with_name("profiles")
PROFILES = tuple(sorted(file.stem for file in _FOLDER.glob("*.json")))


@dataclass(slots=True)
class Settings:
    """Names end in their unit: `_ms`, `_s`, `_share` (0 to 1)."""

    # Latency of the API: log-normal through p50, p95 and p99, cut at max.
    latency_p50_ms: float
    latency_p95_ms: float
    latency_p99_ms: float
    latency_max_ms: float
    read_latency_p50_ms: float
    read_latency_p95_ms: float
    upload_base_ms: float
    upload_bytes_per_s: float
    keepalive_s: float
    date_ahead_s: float  # of the Date header of reads, ahead of the real time

    # Random network and server faults.
    slow_accept_share: float
    slow_accept_ms: float
    reset_after_accept_share: float
    server_error_share: float
    server_error_burst: float

    # Rules of the platform.
    rate_burst: int
    rate_refusal: Literal["400", "429", "webhook"]
    pair_interval_s: float
    pair_burst: int
    portfolio_limit: int  # unique people in 24 h, 0 = no limit
    management_calls_per_hour: int
    limit_raise_after_s: float  # after half of a portfolio's limit was used; 0 = never
    limit_told: Literal["number", "tier"]
    quality_window_s: float  # of the computed colours; 0 = they stay as a test sets them
    upgrade_s: float
    template_review_s: float  # from the creation of a message template to the decision
    templates_per_hour: int  # created in an account, beyond: 80008
    template_limit: int  # of an account
    portfolio_pacing_after: int  # messages in 60 s, the rest is held; 0 = no pacing
    template_pacing_after: int  # messages of a paced template
    pacing_release_after_s: float
    pacing_batch: int
    pacing_batch_every_s: float
    portfolio_drop_code: Literal[135000, 132015]
    review_refusal: Literal[368, 131031]
    answer_user_id: bool
    country_code: str
    prepend_country_code: bool
    blocked_countries: list[str]
    missing_token_code: Literal[190, 104, 200]
    number_state_codes: dict[str, int]

    # Outcomes of accepted messages.
    outcome_shares: dict[str, dict[str, float]]
    read_share: float
    receipts_off_share: float
    delivered_skipped_share: float
    unpriced_share: float  # of messages whose statuses tell no price
    username_share: float
    hidden_phone_share: float  # of the people with a username
    magic_suffixes: dict[str, str]
    sent_p50_s: float
    sent_p95_s: float
    failed_p50_s: float
    failed_p95_s: float
    delivered_quantiles: list[list[float]]
    read_p50_s: float
    read_p95_s: float
    read_max_s: float
    reply_share: float
    stop_word_share: float
    native_stop_share: float
    block_share: float  # of the people a plain text reaches
    fatigue_sends: float  # of a template, until people are twice as tired of it; 0 = never
    time_scale: float  # factor for every delay of this section

    # How webhooks are posted.
    webhook_batch_window_ms: float
    webhook_max_updates: int
    webhook_max_bytes: int
    webhook_connections: int
    webhook_timeout_s: float
    webhook_delay_s: float
    webhook_duplicate_share: float
    webhook_duplicate_within_s: float
    webhook_reorder_share: float
    webhook_lost_share: float
    webhook_retry_steps_s: list[float]
    webhook_retry_for_s: float
    webhook_retry_scale: float
    webhook_version: Literal["v23.0", "v25.0"]


_KINDS = get_type_hints(Settings)
_AT_LEAST_ONE = {
    "webhook_max_updates",
    "webhook_connections",
    "pacing_batch",
    "pair_burst",
    "server_error_burst",
    "latency_p50_ms",
    "read_latency_p50_ms",
    "upload_bytes_per_s",
}


def build(profile: str, overrides: Mapping[str, object] | None = None) -> Settings:
    """The settings of a profile with overrides on top; raises InvalidValue."""
    if profile not in PROFILES:
        raise InvalidValue(f"profile must be one of {', '.join(PROFILES)}")
    settings = Settings(**_read("realistic"))
    change(settings, _read(profile))
    change(settings, {} if overrides is None else overrides)
    return settings


def _read(profile: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((_FOLDER / f"{profile}.json").read_text())
    return values


def change(settings: Settings, overrides: Mapping[str, object]) -> None:
    """Sets the given values, or none if one is invalid; raises InvalidValue.

    Settings that are tables (`outcome_shares`, `number_state_codes`, `magic_suffixes`) are merged
    row by row.
    """
    values = checked(_KINDS, overrides, "setting")
    for name, value in values.items():
        _check(name, value)
    for name, value in values.items():
        present = getattr(settings, name)
        setattr(settings, name, {**present, **value} if isinstance(present, dict) else value)


def _check(name: str, value: Any) -> None:
    if name.endswith("_share") and value > 1:
        raise InvalidValue(f"{name} is a share: 0 to 1")
    if name in _AT_LEAST_ONE and value < 1:
        raise InvalidValue(f"{name} must be at least 1")
    if name == "magic_suffixes" and not all(v in list(MessageOutcome) for v in value.values()):
        raise InvalidValue(f"{name} must name outcomes: {', '.join(MessageOutcome)}")
    if name == "outcome_shares":
        for shares in value.values():
            if not all(key in list(MessageOutcome) for key in shares) or sum(shares.values()) > 1:
                raise InvalidValue(f"{name} must name outcomes and add up to at most 1")
    if name == "delivered_quantiles":
        levels = [point[0] for point in value if len(point) == 2]
        if len(levels) != len(value) or levels != sorted(levels) or levels[-1:] != [1.0]:
            raise InvalidValue(f"{name} must be [share, seconds] pairs rising to share 1.0")
    if name == "webhook_retry_steps_s" and not value:
        raise InvalidValue(f"{name} must not be empty")
