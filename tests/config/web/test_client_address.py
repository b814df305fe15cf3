from __future__ import annotations

from ipaddress import ip_network

import pytest
from django.test import RequestFactory

from config.web.client_address import client_ip

PROXY, STRANGER = "10.0.0.7", "203.0.113.9"


@pytest.mark.parametrize(
    ("peer", "forwarded", "seen"),
    [
        (STRANGER, "", STRANGER),
        (STRANGER, "198.51.100.1", STRANGER),  # nobody's proxy: its word counts for nothing
        (PROXY, "", PROXY),
        (PROXY, STRANGER, STRANGER),
        (PROXY, f"198.51.100.1, {STRANGER}", STRANGER),  # the left one is the client's invention
        (PROXY, f"{STRANGER}, 10.0.0.8", STRANGER),  # two proxies of ours
        (PROXY, "not an address", PROXY),
        (PROXY, f"198.51.100.1, <script>, {STRANGER}", STRANGER),
        (PROXY, "2001:db8::5", "2001:db8::5"),
        ("", "", ""),
    ],
)
def test_the_address_is_what_the_last_trusted_proxy_saw(settings, peer, forwarded, seen):
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8")]
    request = RequestFactory().get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)
    assert client_ip(request) == seen
