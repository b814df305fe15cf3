"""Typed readers of environment variables that refuse invalid values at start.

django-environ parses URLs and `.env`. Its casts are lenient (`DEBUG=ture` would be False), so all
other values are read here; an error names the variable and what is allowed.
"""

from __future__ import annotations

import io
import math
import os
import re
from collections.abc import Callable, Iterable
from datetime import time
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from subscribers.phones import InvalidPhone, normalise

YES = frozenset({"1", "true", "yes", "on"})
NO = frozenset({"0", "false", "no", "off"})

ASSIGNMENT = re.compile(r"(export )?[A-Za-z_]\w*=", re.ASCII)


def read_file(path: Path) -> None:
    """Sets the variables of an `.env` file that the environment does not have yet.

    A file that is there is read whole or refused: half of one would start a production server on
    the embedded SQLite. The values may be secrets, so no message repeats a line.
    """
    if not path.exists():
        return
    try:
        lines = [line.strip() for line in path.read_text("utf-8-sig").splitlines()]
    except OSError as error:
        raise ImproperlyConfigured(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ImproperlyConfigured(f"{path} is not UTF-8 text.") from None
    for number, line in enumerate(lines, 1):
        if line and not line.startswith("#") and not ASSIGNMENT.match(line):
            raise ImproperlyConfigured(
                f"{path}, line {number}: write NAME=value, without spaces around the equals sign."
            )
    environ.Env.read_env(io.StringIO("\n".join(lines)))


def text(name: str, default: str = "") -> str:
    """The variable without surrounding blanks; `default` when it is unset or empty."""
    return os.environ.get(name, "").strip() or default


def boolean(name: str, *, default: bool) -> bool:
    """One of 1/true/yes/on or 0/false/no/off, in any case."""
    raw = text(name).lower()
    if not raw:
        return default
    if raw in YES | NO:
        return raw in YES
    raise ImproperlyConfigured(f"{name}={raw!r} is neither true nor false.")


def integer(name: str, default: int, *, low: int = 0, high: int = 10**9) -> int:
    """A whole number within `low`..`high`."""
    return int(_number(name, default, int, low, high))


def decimal(name: str, default: float, *, low: float = 0.0, high: float = 1e9) -> float:
    """A number within `low`..`high`."""
    return float(_number(name, default, float, low, high))


def choice(name: str, default: str, allowed: Iterable[str]) -> str:
    """One of `allowed`, compared exactly."""
    raw, known = text(name, default), list(allowed)
    if raw not in known:
        raise ImproperlyConfigured(f"{name}={raw!r} must be one of {', '.join(known)}.")
    return raw


def numbers(name: str, default: str, *, low: float = 0.0) -> tuple[float, ...]:
    """Comma-separated numbers, each at least `low`: `5,10,20`."""
    raw = text(name, default)
    try:
        values = tuple(float(part) for part in raw.split(","))
    except ValueError:
        raise ImproperlyConfigured(f"{name}={raw!r} must be numbers with commas.") from None
    if not all(low <= value < math.inf for value in values):  # also refuses nan
        raise ImproperlyConfigured(f"{name}={raw!r}: each number must be at least {low:g}.")
    return values


def rate(name: str, default: str) -> str:
    """A rate per second, minute or hour in Celery's notation: `100/s`, `6000/m`."""
    raw = text(name, default)
    if not re.fullmatch(r"0*[1-9][0-9]*/[smh]", raw):
        raise ImproperlyConfigured(f"{name}={raw!r} must be a rate such as 100/s or 6000/m.")
    return raw


def signing_secret(name: str) -> str:
    """A secret in the format of Standard Webhooks, `whsec_` and base64; may be empty."""
    raw = text(name)
    base64 = r"(?:[A-Za-z0-9+/]{4}){8,}(?:[A-Za-z0-9+/]{2,3}={1,2})?"
    if raw and not re.fullmatch(f"whsec_{base64}", raw):
        raise ImproperlyConfigured(f"{name} must be whsec_ and at least 24 bytes in base64.")
    return raw


def words(name: str, default: str = "") -> list[str]:
    """Comma-separated words; blanks around them and empty ones are dropped."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def meta_id(name: str) -> str:
    """Meta's id of an account, a number or an app: up to 32 digits; may be empty."""
    raw = text(name)
    if raw and not re.fullmatch(r"[0-9]{1,32}", raw):
        raise ImproperlyConfigured(
            f"{name} must be Meta's id, which has digits only: not the phone number itself."
        )
    return raw


def phones(name: str) -> list[str]:
    """Comma-separated phone numbers, read as those of subscribers are: `+919812345678`."""
    try:
        return list(dict.fromkeys(map(normalise, words(name))))
    except InvalidPhone as error:  # its sentence does not hold the number
        raise ImproperlyConfigured(
            f"{name} must list phones with commas, such as +919812345678. One of them: {error}"
        ) from None


def networks(name: str, default: str = "") -> list[IPv4Network | IPv6Network]:
    """Comma-separated networks or single addresses: `127.0.0.0/8,::1`."""
    try:
        return [ip_network(word) for word in words(name, default)]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must list networks with commas: {error}.") from None


def clock_time(name: str, default: str) -> time:
    """A wall-clock time, `06:00` or `06:00:30`."""
    raw = text(name, default)
    try:
        value = time.fromisoformat(raw)
    except ValueError:
        value = None
    if value is None or value.tzinfo is not None:  # the zone is always TIME_ZONE
        raise ImproperlyConfigured(f"{name}={raw!r} must be a time such as 06:00.")
    return value


def url(name: str, default: str = "", *, schemes: Iterable[str]) -> str:
    """A URL with one of `schemes` and a host, without a trailing slash; may be empty."""
    raw, known = text(name, default).rstrip("/"), list(schemes)
    if raw and not _is_url(raw, known):  # the value may hold a password: it is not repeated
        raise ImproperlyConfigured(f"{name} must be a URL starting with {' or '.join(known)}://.")
    return raw


def _is_url(raw: str, schemes: list[str]) -> bool:
    try:
        parts = urlsplit(raw)
        place = parts.path if parts.scheme.endswith("socket") else parts.hostname
        return parts.scheme in schemes and bool(place) and (parts.port or 1) > 0
    except ValueError:  # such as a port beyond 65535
        return False


def _number(
    name: str, default: float, cast: Callable[[str], float], low: float, high: float
) -> float:
    raw = text(name, str(default))
    try:
        value = cast(raw)
    except ValueError:
        raise ImproperlyConfigured(f"{name}={raw!r} is not a number.") from None
    if not low <= value <= high:  # also refuses nan
        raise ImproperlyConfigured(f"{name}={raw!r} must lie between {low:g} and {high:g}.")
    return value
