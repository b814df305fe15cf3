"""One post: only to an address where events may go, without redirects, within a time limit."""

from __future__ import annotations

import socket

import pytest

from distribution.event_webhooks import address_guard, http_post
from distribution.event_webhooks.address_guard import AddressError
from tests.distribution.receivers import a_receiver


def test_one_who_drips_its_answer_is_cut_off(receiver, monkeypatch):
    monkeypatch.setattr(http_post, "TOTAL_SECONDS", 0.5)
    receiver.drips = True

    answer = http_post.post(receiver.url, b"{}", {})

    assert answer == http_post.PostResult(None, "It did not respond in time.")


def test_a_redirect_is_not_followed(receiver):
    with a_receiver() as elsewhere:
        receiver.status, receiver.response_headers = 307, {"Location": elsewhere.url}
        answer = http_post.post(receiver.url, b"{}", {})

        assert elsewhere.posts == []
    assert (answer.ok, answer.error) == (
        False,
        "It responded with 307. Redirects are not followed.",
    )


@pytest.mark.parametrize(
    "place",
    [
        *("127.0.0.1", "10.0.0.8", "192.168.1.1", "172.16.0.1", "169.254.169.254", "0.0.0.0"),
        *("100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fd00::1"),
        *("::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "ff02::1"),
        *("fec0::1", "64:ff9b:1::1", "2001:0:4136:e378::1"),
        *("192.0.0.192", "192.0.0.1", "192.88.99.1", "::ffff:192.0.0.192"),
        *("3fff::1", "3fff:fff:ffff::1", "2001:db8::1", "5f00::1"),
    ],
)
def test_a_private_address_is_refused_whatever_it_is_called(place, settings, monkeypatch):
    settings.EVENT_PRIVATE_NETWORKS = []
    family = socket.AF_INET6 if ":" in place else socket.AF_INET
    found = [(family, socket.SOCK_STREAM, 6, "", (place, 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)

    with pytest.raises(AddressError, match="private address"):
        address_guard.resolve("https://innocent.example/hook")


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://hooks.example/",
            "ftp://hooks.example/",
            "https://",
            "https://u:p@hooks.example/",
        ),
        *("https://hooks.example:port/", "hooks.example", "https://hooks.example/a b"),
        "https://hooks.example/\r\nX: y",
    ],
)
def test_a_url_that_is_none_or_not_encrypted_is_refused(url, settings):
    settings.EVENT_PRIVATE_NETWORKS = []
    with pytest.raises(AddressError):
        address_guard.check(url)


def test_a_public_place_is_connected_to_at_the_address_that_was_judged(settings, monkeypatch):
    settings.EVENT_PRIVATE_NETWORKS = []
    asked: list[object] = []
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)

    def connect(place: object, timeout: float) -> socket.socket:
        asked.append(place)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)

    answer = http_post.post("https://hooks.example/x", b"{}", {})

    assert asked == [("93.184.215.14", 443)]
    assert answer.error == "It could not be reached: ConnectionRefusedError."


def test_on_the_internet_only_https_is_posted_to(monkeypatch):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)

    with pytest.raises(AddressError, match="Use https"):
        address_guard.resolve("http://hooks.example/x")
