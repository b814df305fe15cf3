"""How Meta raises a portfolio's limit: some time after half of it was used, if quality is good."""

from __future__ import annotations

from sandbox.world.accounts import Portfolio
from sandbox.world.world import World

STEPS = (250, 2_000, 10_000, 100_000, 0)  # 0: unlimited
_TIERS = {250: "TIER_250", 2_000: "TIER_2K", 10_000: "TIER_10K", 100_000: "TIER_100K"}


def raised(world: World, now: float) -> list[tuple[Portfolio, int]]:
    """The portfolios whose limit has just been raised, each with the new one."""
    wait = world.settings.limit_raise_after_s
    if not wait:
        return []
    found = []
    for portfolio in world.portfolios.values():
        limit = world.messaging_limit(portfolio)
        if not limit or 2 * len(portfolio.people) < limit or not _is_good(world, portfolio):
            portfolio.half_used_at = None
            continue
        if portfolio.half_used_at is None:
            portfolio.half_used_at = now
        if now >= portfolio.half_used_at + wait * world.settings.time_scale:
            portfolio.half_used_at = None
            portfolio.limit = next((step for step in STEPS if step > limit), 0)
            found.append((portfolio, portfolio.limit))
    return found


def told(world: World, limit: int) -> int | str:
    """A limit as `business_capability_update` tells it: an integer or Meta's word."""
    if world.settings.limit_told == "number":
        return limit or -1
    return _TIERS.get(limit, str(limit)) if limit else "UNLIMITED"


def _is_good(world: World, portfolio: Portfolio) -> bool:
    numbers = (one.quality for one in world.numbers.values() if one.waba.portfolio is portfolio)
    templates = (one.quality for waba, one in world.templates() if waba.portfolio is portfolio)
    return all(quality != "RED" for quality in (*numbers, *templates))
