"""Who may call: the access token of the app."""

from __future__ import annotations

from sandbox.formats.errors import require
from sandbox.world.world import World


def check_token(world: World, authorization: str | None) -> None:
    """Raises Refusal 190, or for a missing token the configured code."""
    require(authorization, world.settings.missing_token_code)
    valid = authorization == f"Bearer {world.app.access_token}"
    require(valid and world.app.token_ok, 190)
