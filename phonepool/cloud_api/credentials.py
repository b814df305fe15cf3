"""The access token, read where it can be changed while everything runs."""

from __future__ import annotations

import logging
from pathlib import Path

from django.conf import settings

log = logging.getLogger(__name__)


def access_token() -> str:
    """What WHATSAPP_ACCESS_TOKEN_FILE holds, if it holds anything, else WHATSAPP_ACCESS_TOKEN.

    Read anew each time, so that a new token is in force with the next batch and no process needs
    to be started again.
    """
    path = settings.WHATSAPP_ACCESS_TOKEN_FILE
    if path:
        try:
            if token := Path(path).read_text(encoding="ascii").strip():
                return token
        except (OSError, ValueError) as error:  # its text may hold what was read: the kind will do
            log.error("the access token's file cannot be read: %s", type(error).__name__)
    return str(settings.WHATSAPP_ACCESS_TOKEN)
