"""A check before deployment: the proxy must drop a second spelling of the headers it writes.

The environment of a WSGI application has no hyphens: `X_Forwarded_For`, which a client may send,
and `X-Forwarded-For`, which the proxy writes, become one name. Granian keeps the one that came
last and does not say which it was, so behind it nothing can be told apart any more. nginx drops
names with underscores by itself; HAProxy, Caddy, Envoy and Amazon's load balancers do not.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

ID = "daybreak.E001"
UNSURE = (
    "A client's X_Forwarded_For or X_Forwarded_Proto may replace what the proxy writes: limits and "
    "log would know an address that the client chose, and plain HTTP would pass for HTTPS."
)
HINT = (
    "Have the proxy drop header names with underscores (docs/webhooks.md says how for five of "
    "them), try it, and then set PROXY_DROPS_UNDERSCORES=true."
)


@register(Tags.security, deploy=True)
def forwarded_headers(**_: Any) -> list[CheckMessage]:
    """An error while headers of a proxy are trusted and nobody has seen to their spelling."""
    trusts = settings.HTTPS or any(not proxy.is_loopback for proxy in settings.TRUSTED_PROXIES)
    if not trusts or settings.PROXY_DROPS_UNDERSCORES:
        return []
    return [Error(UNSURE, hint=HINT, id=ID)]
