"""The client's address, as the last trusted proxy saw it and never as the client claims."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

IPV6_BITS = 64


def client_ip(request: HttpRequest) -> str:
    """The client's address. `X-Forwarded-For` is read from the right, and only as far as
    TRUSTED_PROXIES wrote it: a client can write anything further left.
    """
    peer = str(request.META.get("REMOTE_ADDR", ""))
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    while hops and _is_proxy(peer):
        hop = hops.pop()
        if not _is_address(hop):
            break
        peer = hop
    return peer if _is_address(peer) else ""


def client_network(request: HttpRequest) -> str:
    """The address by which limits count: an IPv6 network of 64 bits, which one machine has whole,
    is one. An IPv4 address that is written as IPv6 is the same as without."""
    text = client_ip(request)
    address = ip_address(text) if text else None
    if not isinstance(address, IPv6Address):
        return text
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ip_network((int(address), IPV6_BITS), strict=False).network_address)


def _is_proxy(address: str) -> bool:
    if not _is_address(address):
        return False
    return any(ip_address(address) in network for network in settings.TRUSTED_PROXIES)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
