"""Who may call: the access token of the app."""

from __future__ import annotations

from sandbox.formats.errors import Refusal, require
from sandbox.world.world import World

_EXPIRED = 463  # the subcode of a token that was valid


def check_token(world: World, authorization: str | None) -> None:
    """Raises Refusal 190, or for a missing token the configured code."""
    require(authorization, world.settings.missing_token_code)
    require(authorization == f"Bearer {world.app.access_token}", 190)
    if not world.app.token_ok:
        raise Refusal(190, subcode=_EXPIRED)
