"""Nobody trusts a proxy that lets a second spelling of its headers through (finding M9)."""

from __future__ import annotations

import socket
from ipaddress import ip_network
from pathlib import Path

import pytest
from django.core.checks import Tags, run_checks

from config.web import proxy_check
from tests.serving import serving

ECHO = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ.get("HTTP_X_FORWARDED_FOR", "").encode()]
"""
PUBLIC = [ip_network("10.0.0.0/8")]
LOOPBACK = [ip_network("127.0.0.0/8"), ip_network("::1")]


@pytest.mark.parametrize(
    ("https", "proxies", "drops", "refused"),
    [
        (True, LOOPBACK, False, True),
        (False, PUBLIC, False, True),
        (True, PUBLIC, True, False),
        (False, LOOPBACK, False, False),
    ],
)
def test_the_deploy_check_refuses_until_somebody_has_seen_to_it(
    settings, https, proxies, drops, refused
):
    settings.HTTPS, settings.TRUSTED_PROXIES = https, proxies
    settings.PROXY_DROPS_UNDERSCORES = drops
    found = run_checks(tags=[Tags.security], include_deployment_checks=True)
    assert (proxy_check.ID in [one.id for one in found]) is refused


@pytest.mark.django_db(transaction=True)
def test_our_server_cannot_tell_the_spellings_apart_which_is_why(tmp_path: Path):
    """Once this fails, granian drops or marks them, and the check can go."""
    (tmp_path / "echo_app.py").write_text(ECHO)
    app = {"PYTHONPATH": str(tmp_path)}
    with (
        serving(tmp_path / "log", "echo_app:application", **app) as port,
        socket.create_connection(("127.0.0.1", port), timeout=5) as link,
    ):
        link.sendall(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            b"X-Forwarded-For: 192.0.2.1\r\nX_Forwarded_For: 203.0.113.9\r\n\r\n"
        )
        answer = link.makefile("rb").read()
    assert answer.endswith(b"203.0.113.9")
