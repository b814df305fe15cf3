from __future__ import annotations

import pytest
from django.test import Client

STRICT = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "media-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
}


def policy(answer) -> set[str]:
    return set(answer["Content-Security-Policy"].split("; "))


@pytest.mark.parametrize("path", ["/health/live", "/nowhere", "/dashboard/", "/administration"])
def test_everywhere_but_in_the_admin_the_policy_is_strict(db, path):
    assert policy(Client().get(path)) == STRICT


def test_in_the_admin_it_is_loosened_for_its_scripts_and_for_no_other_origin(db):
    found = policy(Client().get("/admin/login/"))
    assert found - STRICT == {"script-src 'self' 'unsafe-eval'", "style-src 'self' 'unsafe-inline'"}
    assert STRICT - found == {"script-src 'self'", "style-src 'self'"}


def test_pages_are_neither_framed_nor_sniffed_nor_told_to_strangers(db):
    answer = Client().get("/admin/login/")
    told = {name: answer[name] for name in ("X-Frame-Options", "X-Content-Type-Options")}
    assert told == {"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff"}
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/admin/login/?next=" + "x" * 8_200, {}, 414),
        ("/dashboard/" + "x" * 8_200, {}, 414),
        ("/admin/login/", {"X-Forwarded-For": "1," * 4_100}, 431),
        ("/admin/login/", {"Cookie": "a=" + "x" * 8_200}, 431),
        ("/admin/login/?next=" + "x" * 8_000, {"Cookie": "a=" + "x" * 8_000}, 200),
    ],
)
def test_what_is_longer_than_any_address_or_header_of_ours_is_not_read(db, path, headers, status):
    answer = Client().get(path, headers=headers)
    assert answer.status_code == status
    api = Client().get(f"/api/distribution/subscribers?search={'x' * 8_200}")
    assert (api.status_code, api.json()["code"]) == (414, "too_large")


def test_a_machine_that_comes_without_https_is_refused_and_a_page_redirected(db, settings):
    settings.HTTPS = settings.SECURE_SSL_REDIRECT = True
    refused = Client().post("/webhooks/whatsapp", b"{}", content_type="application/json")
    assert (refused.status_code, refused.content) == (403, b"HTTPS only.\n")
    program = Client().get("/api/distribution/status")
    assert (program.status_code, program.json()["code"]) == (403, "https_only")
    assert Client().get("/admin/").status_code == 301


def test_the_root_leads_to_the_admin_which_asks_for_a_sign_in(client):
    answer = client.get("/")

    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
