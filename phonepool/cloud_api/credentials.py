"""The access token, which can be changed without a restart."""

from __future__ import annotations

import logging
from pathlib import Path

from django.conf import settings

log = logging.getLogger(__name__)


def access_token() -> str:
    """The content of WHATSAPP_ACCESS_TOKEN_FILE unless it is empty, else WHATSAPP_ACCESS_TOKEN.

    The file is read on every call, so that the next batch uses a new token without a restart.
    """
    path = settings.WHATSAPP_ACCESS_TOKEN_FILE
    if path:
        try:
            if token := Path(path).read_text(encoding="ascii").strip():
                return token
        except (OSError, ValueError) as error:  # its text may hold the token
            log.error("the access token's file cannot be read: %s", type(error).__name__)
    return str(settings.WHATSAPP_ACCESS_TOKEN)
