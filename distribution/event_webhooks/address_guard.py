"""Where an event may be posted: to the public internet by HTTPS, elsewhere only by permission.

Whoever may enter an address must not reach what only this machine can reach. So the name is
resolved here, the address is judged, and the call goes to that very address: a name that
answers differently the next moment gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urlsplit

from django.conf import settings

Address = IPv4Address | IPv6Address

INTERNET_6 = ipaddress.ip_network("2000::/3")  # nothing else of IPv6 is handed out to anybody
# They carry an IPv4 address inside, which may be anybody's.
CARRIERS = tuple(ipaddress.ip_network(net) for net in ("2002::/16", "2001::/32"))


class AddressError(Exception):
    """Events are not posted there; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Target:
    """One place to connect to."""

    secure: bool
    host: str  # as in the URL: for the Host header and the certificate
    port: int
    path: str
    address: Address


def check(url: str) -> None:
    """What can be said of a URL without asking anybody. Raises AddressError."""
    _taken_apart(url)


def resolve(url: str) -> Target:
    """The address to connect to. Raises AddressError, also when the name is not known."""
    secure, host, port, path = _taken_apart(url)
    found = _addresses(host, port)
    allowed = [one for one in found if _is_named(one) or (secure and _is_public(one))]
    if allowed:
        return Target(secure, host, port, path, allowed[0])
    if not secure and any(_is_public(one) for one in found):
        raise AddressError("It is on the internet, where only https:// is posted to.")
    raise AddressError("It is a private address: list its network in EVENT_PRIVATE_NETWORKS.")


def _taken_apart(url: str) -> tuple[bool, str, int, str]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressError("That is no URL.") from None
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise AddressError("Write a URL that begins with https://.")
    if parts.username is not None or parts.password is not None:
        raise AddressError("Leave out user and password: events are signed instead.")
    if any(not "!" <= letter <= "~" for letter in url):
        raise AddressError("Write it without blanks and other special characters.")
    secure = parts.scheme == "https"
    if not secure and not settings.EVENT_PRIVATE_NETWORKS:
        raise AddressError("Write a URL that begins with https://.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return secure, parts.hostname, port or (443 if secure else 80), path


def _addresses(host: str, port: int) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise AddressError("Its name is not known.") from None
    return [_plain(ipaddress.ip_address(str(entry[4][0]).partition("%")[0])) for entry in found]


def _plain(address: Address) -> Address:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_public(address: Address) -> bool:
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if isinstance(address, IPv6Address) and address not in INTERNET_6:
        return False
    return not any(address in net for net in CARRIERS if net.version == address.version)


def _is_named(address: Address) -> bool:
    nets = settings.EVENT_PRIVATE_NETWORKS
    return any(address in net for net in nets if net.version == address.version)
