"""Asks Meta how long the access token lasts, while there is time to replace it."""

from __future__ import annotations

import logging
from datetime import datetime

from distribution.alerts import access_token
from phonepool.cloud_api import credentials
from phonepool.cloud_api.app import AppApi, TokenFacts
from phonepool.exceptions import CloudApiError, Rejected

log = logging.getLogger(__name__)

NOT_VALID = 190  # Meta's code for a token that has expired or was revoked


def look(now: datetime) -> None:
    """Ask Meta about the token in use; without an answer, what was known stays."""
    if not credentials.access_token():
        return  # `no_token` tells of that
    try:
        token = AppApi().token()
    except Rejected as refusal:
        if refusal.code != NOT_VALID:
            log.warning("Meta does not say how long the access token lasts: %s", refusal)
            return
        token = TokenFacts("", is_valid=False, scopes=(), accounts=(), expires_at=None)
    except (CloudApiError, ValueError) as error:
        log.warning("the access token could not be checked: %s", type(error).__name__)
        return
    access_token.apply(token, now=now)
