"""Where an event may be posted: the public internet by HTTPS, EVENT_PRIVATE_NETWORKS, or nowhere.

A subscriber's URL must not reach hosts that only this machine can reach (SSRF). The name is
resolved here, the address is checked, and the connection goes to that very address, so a name
that resolves differently a moment later (DNS rebinding) has no effect.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urlsplit

from django.conf import settings

Address = IPv4Address | IPv6Address

GLOBAL_UNICAST_IPV6 = ipaddress.ip_network("2000::/3")  # no other IPv6 addresses are allocated
# 6to4 and Teredo embed an IPv4 address, which may be a private one.
# Not the internet either, which the library of some Python releases does not know: the protocol
# assignments, among them a cloud's metadata (RFC 6890), and documentation (RFC 9637).
SPECIAL = tuple(
    ipaddress.ip_network(net)
    for net in ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20", "2001:db8::/32", "5f00::/16")
)
EMBEDDING_IPV4 = tuple(ipaddress.ip_network(net) for net in ("2002::/16", "2001::/32"))


class AddressError(Exception):
    """The address is refused; the text says why and what to do."""


class UnknownNameError(AddressError):
    """The name cannot be resolved now; later it may be."""


@dataclass(frozen=True, slots=True)
class Target:
    """A checked address to connect to."""

    secure: bool
    host: str  # as in the URL: for the Host header and the certificate
    port: int
    path: str
    address: Address


def check(url: str) -> None:
    """Check a URL without resolving its name. Raises AddressError."""
    _parse(url)


def check_reachable(url: str) -> None:
    """Check a URL that is to be stored: one that could never be posted to is refused. A name that
    nobody knows yet may be known later."""
    try:
        resolve(url)
    except UnknownNameError:
        return


def resolve(url: str) -> Target:
    """The address to connect to. Raises AddressError, also if the name is unknown."""
    secure, host, port, path = _parse(url)
    addresses = _look_up(host, port)
    allowed = [ip for ip in addresses if _is_permitted(ip) or (secure and _is_public(ip))]
    if allowed:
        return Target(secure, host, port, path, allowed[0])
    if not secure and any(_is_public(ip) for ip in addresses):
        raise AddressError("This address is on the internet. Use https://.")
    raise AddressError(
        "This is a private address. To allow it, list its network in EVENT_PRIVATE_NETWORKS."
    )


def _parse(url: str) -> tuple[bool, str, int, str]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressError("This is not a URL.") from None
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise AddressError("Enter a URL that starts with https://.")
    if parts.username is not None or parts.password is not None:
        raise AddressError("Remove the user and password. Events are signed instead.")
    if any(not "!" <= letter <= "~" for letter in url):
        raise AddressError("Remove spaces and special characters.")
    secure = parts.scheme == "https"
    if not secure and not settings.EVENT_PRIVATE_NETWORKS:
        raise AddressError("Enter a URL that starts with https://.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return secure, parts.hostname, port or (443 if secure else 80), path


def _look_up(host: str, port: int) -> list[Address]:
    try:
        entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise UnknownNameError("Its name cannot be resolved.") from None
    return [_unmap(ipaddress.ip_address(str(entry[4][0]).partition("%")[0])) for entry in entries]


def _unmap(address: Address) -> Address:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_public(address: Address) -> bool:
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if isinstance(address, IPv6Address) and address not in GLOBAL_UNICAST_IPV6:
        return False
    refused = (*EMBEDDING_IPV4, *SPECIAL)
    return not any(address in net for net in refused if net.version == address.version)


def _is_permitted(address: Address) -> bool:
    nets = settings.EVENT_PRIVATE_NETWORKS
    return any(address in net for net in nets if net.version == address.version)
