"""All settings of the sandbox in one flat list; the defaults are the realistic profile.

A profile is a set of overrides. Overrides are JSON from the command line and the control API;
unknown names and invalid values are refused, never ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from math import inf
from typing import Any, get_args, get_origin, get_type_hints

from sandbox.outcomes import MessageOutcome


class SettingsError(ValueError):
    """An unknown setting or an invalid value; the text names it."""


def _shares() -> dict[str, dict[str, float]]:
    return {
        "UTILITY": {"invalid": 0.025, "server_error": 0.002, "never": 0.033},
        "AUTHENTICATION": {"invalid": 0.025, "server_error": 0.002, "never": 0.033},
        "MARKETING": {
            "invalid": 0.025,
            "capped": 0.12,
            "opted_out": 0.01,
            "experiment": 0.01,
            "server_error": 0.002,
            "never": 0.033,
        },
    }


def _state_codes() -> dict[str, int]:
    return {"BANNED": 131031, "RESTRICTED": 131031, "FLAGGED": 131045, "RATE_LIMITED": 131045}


@dataclass(slots=True)
class Settings:
    """Names end in their unit: `_ms`, `_s`, `_share` (0 to 1)."""

    # Latency of the API: log-normal through p50, p95 and p99, cut at max.
    latency_p50_ms: float = 350
    latency_p95_ms: float = 900
    latency_p99_ms: float = 2500
    latency_max_ms: float = 30_000
    read_latency_p50_ms: float = 200
    read_latency_p95_ms: float = 600
    upload_base_ms: float = 300
    upload_bytes_per_s: float = 5_000_000
    keepalive_s: float = 75

    # Random network and server faults.
    slow_accept_share: float = 0.001
    slow_accept_ms: float = 35_000
    reset_after_accept_share: float = 0.0002
    server_error_share: float = 0.002
    server_error_burst: float = 5

    # Rules of the platform.
    rate_burst: int = 8
    rate_refusal: str = "400"
    pair_interval_s: float = 6
    pair_burst: int = 45
    portfolio_limit: int = 0  # unique people in 24 h, 0 = no limit
    management_calls_per_hour: int = 5000
    upgrade_s: float = 60
    country_code: str = "91"
    prepend_country_code: bool = True
    blocked_countries: list[str] = field(default_factory=list)
    missing_token_code: int = 190
    number_state_codes: dict[str, int] = field(default_factory=_state_codes)

    # Outcomes of accepted messages.
    outcome_shares: dict[str, dict[str, float]] = field(default_factory=_shares)
    read_share: float = 0.65
    receipts_off_share: float = 0.15
    delivered_skipped_share: float = 0.01
    username_share: float = 0.02
    magic_suffixes: dict[str, str] = field(default_factory=dict)
    sent_p50_s: float = 1
    sent_p95_s: float = 4
    failed_p50_s: float = 2
    failed_p95_s: float = 20
    delivered_quantiles: list[list[float]] = field(
        default_factory=lambda: [[0.0, 0.2], [0.75, 5], [0.88, 60], [0.95, 3600], [1.0, 43_200]]
    )
    read_p50_s: float = 720
    read_p95_s: float = 28_800
    read_max_s: float = 86_400
    reply_share: float = 0.03
    stop_word_share: float = 0.005
    native_stop_share: float = 0.002
    time_scale: float = 1  # factor for every delay of this section

    # How webhooks are posted.
    webhook_batch_window_ms: float = 0
    webhook_max_updates: int = 1000
    webhook_max_bytes: int = 3_000_000
    webhook_connections: int = 50
    webhook_timeout_s: float = 10
    webhook_delay_s: float = 0
    webhook_duplicate_share: float = 0.01
    webhook_duplicate_within_s: float = 60
    webhook_reorder_share: float = 0.02
    webhook_lost_share: float = 0.0001
    webhook_retry_steps_s: list[float] = field(
        default_factory=lambda: [0, 10, 60, 300, 900, 3600, 10_800, 21_600]
    )
    webhook_retry_for_s: float = 604_800
    webhook_retry_scale: float = 1
    webhook_version: str = "v25.0"


_FAST: dict[str, object] = {
    "latency_p50_ms": 40,
    "latency_p95_ms": 120,
    "latency_p99_ms": 250,
    "latency_max_ms": 5000,
    "read_latency_p50_ms": 10,
    "read_latency_p95_ms": 30,
    "upload_base_ms": 30,
    "slow_accept_share": 0,
    "reset_after_accept_share": 0,
    "server_error_share": 0,
    "upgrade_s": 3,
    "outcome_shares": {
        name: {"invalid": 0.001} for name in ("UTILITY", "AUTHENTICATION", "MARKETING")
    },
    "read_share": 0.6,
    "receipts_off_share": 0,
    "delivered_skipped_share": 0,
    "username_share": 0,
    "sent_p50_s": 0.3,
    "sent_p95_s": 0.8,
    "failed_p50_s": 0.5,
    "failed_p95_s": 1.5,
    "delivered_quantiles": [[0.0, 0.1], [0.5, 0.5], [0.95, 1.5], [1.0, 3]],
    "read_p50_s": 2,
    "read_p95_s": 4.5,
    "read_max_s": 6,
    "reply_share": 0,
    "stop_word_share": 0,
    "native_stop_share": 0,
    "webhook_batch_window_ms": 150,
    "webhook_duplicate_within_s": 3,
    "webhook_lost_share": 0,
    "webhook_retry_scale": 0.01,
}

PROFILES: dict[str, dict[str, object]] = {"realistic": {}, "fast": _FAST}

_TYPES = get_type_hints(Settings)
_CHOICES: dict[str, tuple[object, ...]] = {
    "rate_refusal": ("400", "429", "webhook"),
    "missing_token_code": (190, 104, 200),
    "webhook_version": ("v23.0", "v25.0"),
}
_AT_LEAST_ONE = {
    "webhook_max_updates",
    "webhook_connections",
    "pair_burst",
    "server_error_burst",
    "latency_p50_ms",
    "read_latency_p50_ms",
    "upload_bytes_per_s",
}


def build(profile: str, overrides: Mapping[str, object] | None = None) -> Settings:
    """The settings of a profile with overrides on top; raises SettingsError."""
    if profile not in PROFILES:
        raise SettingsError(f"profile must be one of {', '.join(PROFILES)}")
    settings = Settings()
    change(settings, PROFILES[profile])
    change(settings, overrides or {})
    return settings


def change(settings: Settings, overrides: Mapping[str, object]) -> None:
    """Sets the given values, or none if one is invalid; raises SettingsError.

    Settings that are tables (`outcome_shares`, `number_state_codes`, `magic_suffixes`) are merged
    row by row.
    """
    for name, value in overrides.items():
        _check(name, value)
    for name, value in overrides.items():
        present = getattr(settings, name)
        if isinstance(present, dict) and isinstance(value, dict):
            value = {**present, **value}
        setattr(settings, name, value)


def as_dict(settings: Settings) -> dict[str, object]:
    """Every setting by name, ready for JSON."""
    return {entry.name: getattr(settings, entry.name) for entry in fields(settings)}


def _check(name: str, value: object) -> None:
    if name not in _TYPES:
        raise SettingsError(f"there is no setting called {name}")
    if not _fits(_TYPES[name], value):
        raise SettingsError(f"{name} has the wrong type, or is below zero or endless")
    if value not in _CHOICES.get(name, (value,)):
        raise SettingsError(f"{name} must be one of {_CHOICES[name]}")
    if isinstance(value, int | float):
        if name.endswith("_share") and value > 1:
            raise SettingsError(f"{name} is a share: 0 to 1")
        if name in _AT_LEAST_ONE and value < 1:
            raise SettingsError(f"{name} must be at least 1")
    if isinstance(value, dict | list):
        _check_table(name, value)


def _fits(expected: Any, value: Any) -> bool:
    if get_origin(expected) is list:
        return isinstance(value, list) and all(_fits(get_args(expected)[0], v) for v in value)
    if get_origin(expected) is dict:
        return isinstance(value, dict) and all(
            isinstance(key, str) and _fits(get_args(expected)[1], v) for key, v in value.items()
        )
    if expected in (int, float):
        kinds = (int,) if expected is int else (int, float)
        return type(value) in kinds and 0 <= value < inf
    return type(value) is expected


def _check_table(name: str, value: Any) -> None:
    if name == "magic_suffixes" and not all(v in list(MessageOutcome) for v in value.values()):
        raise SettingsError(f"{name} must name outcomes: {', '.join(MessageOutcome)}")
    if name == "outcome_shares":
        for shares in value.values():
            if not all(key in list(MessageOutcome) for key in shares) or sum(shares.values()) > 1:
                raise SettingsError(f"{name} must name outcomes and add up to at most 1")
    if name == "delivered_quantiles":
        levels = [point[0] for point in value if len(point) == 2]
        if len(levels) != len(value) or levels != sorted(levels) or levels[-1:] != [1.0]:
            raise SettingsError(f"{name} must be [share, seconds] pairs rising to share 1.0")
    if name == "webhook_retry_steps_s" and not value:
        raise SettingsError(f"{name} must not be empty")
