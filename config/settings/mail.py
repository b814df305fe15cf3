"""E-mail to staff: EMAIL_URL as django-environ reads it.

Without it, development prints e-mails to the console; production sends none.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

TIMEOUT_SECONDS = 10  # of each step of a conversation with the mail server
CONSOLE = "django.core.mail.backends.console.EmailBackend"
NOWHERE = "django.core.mail.backends.dummy.EmailBackend"
# "s", "+ssl": encrypted from the start; "+tls": by STARTTLS.
SCHEMES = ("smtp", "smtps", "smtp+tls", "smtp+ssl", "consolemail", "filemail", "memorymail")
LOCAL = ("127.0.0.1", "localhost", "::1", "[::1]", "*")


@dataclass(frozen=True, slots=True)
class Mail:
    """How e-mail is sent; `enabled` is False where there is no way to send it."""

    enabled: bool
    backend: str
    host: str = "localhost"
    port: int = 25
    user: str = ""
    password: str = ""
    use_tls: bool = False
    use_ssl: bool = False


def configuration(url: str, *, console: bool) -> Mail:
    """The mail server of EMAIL_URL; without one the console, or nothing."""
    if not url:
        return Mail(enabled=console, backend=CONSOLE if console else NOWHERE)
    try:
        parts = urlsplit(url)
        is_known = parts.scheme in SCHEMES and (parts.port or 1) > 0
        if not is_known or (parts.scheme.startswith("smtp") and not parts.hostname):
            raise ValueError
        read = environ.Env.email_url_config(url)
    except (ValueError, KeyError):  # the value may hold a password: it is not repeated
        raise ImproperlyConfigured(
            "EMAIL_URL must be a mail server such as smtp+tls://user:password@mail.example.com:587."
        ) from None
    use_tls = bool(read.get("EMAIL_USE_TLS")) and parts.scheme == "smtp+tls"
    use_ssl = parts.scheme in ("smtps", "smtp+ssl")
    return Mail(
        enabled=True,
        backend=str(read["EMAIL_BACKEND"]),
        host=str(read.get("EMAIL_HOST") or "localhost"),
        port=int(read.get("EMAIL_PORT") or (465 if use_ssl else 587 if use_tls else 25)),
        user=str(read.get("EMAIL_HOST_USER") or ""),
        password=str(read.get("EMAIL_HOST_PASSWORD") or ""),
        use_tls=use_tls,
        use_ssl=use_ssl,
    )


def own_address(hosts: list[str], *, https: bool) -> str:
    """The first public host name of ALLOWED_HOSTS, or this machine."""
    public = [host.lstrip(".") for host in hosts if host not in LOCAL]
    scheme = "https" if https else "http"
    return f"{scheme}://{public[0]}" if public else f"{scheme}://127.0.0.1:8000"


def own_sender(address: str) -> str:
    """The sender of e-mails where EMAIL_FROM names none."""
    host = urlsplit(address).hostname or "localhost"
    return f"Daybreak <daybreak@{host if '.' in host and host != '127.0.0.1' else 'localhost'}>"
