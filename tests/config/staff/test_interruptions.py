"""A session that ends, a token of another session, a code that is wanted: nothing typed is lost."""

from __future__ import annotations

import html
import re

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from config.staff import arrivals
from tests.config.staff.interrupted import ADD, HTMX, PASSWORD, token, words

pytestmark = pytest.mark.django_db
PARTS = ["admin:distribution_content_preview", "admin:distribution_content_fields"]
SIGNED_OUT = "You were signed out. Sign in in another tab, then save."


def resent(answer) -> tuple[str, dict[str, list[str]]]:
    """Where the page with what was typed sends it, and what."""
    page = answer.content.decode()
    form = re.search(r'<form method="post" action="([^"]*)"(.*?)</form>', page, re.S)
    assert form is not None, page
    found: dict[str, list[str]] = {}
    fields = r'<textarea name="([^"]*)"[^>]*>\n(.*?)</textarea>|name="(csrf\w+)" value="(\w+)"'
    for name, value, hidden, key in re.findall(fields, form[2], re.S):
        found.setdefault(name or hidden, []).append(html.unescape(value) or key)
    return html.unescape(form[1]), found


# --- parts of pages -----------------------------------------------------------------------------


def assert_a_line(answer, status: int, text: str) -> None:
    assert (answer.status_code, answer.content.decode()) == (status, f'<p role="alert">{text}</p>')
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_never_the_sign_in_page(client, name):
    key = token(client)
    Session.objects.all().delete()

    answer = client.post(reverse(name), words(csrfmiddlewaretoken=key), **HTMX)

    assert_a_line(answer, 401, SIGNED_OUT)


@pytest.mark.parametrize(
    "name", ["admin:distribution_content_changelist", "admin:search", "dashboard:board"]
)
@pytest.mark.parametrize("header", [HTMX, {"HTTP_X_REQUESTED_WITH": "XMLHttpRequest"}])
def test_whatever_a_script_asks_for(name, header):
    assert_a_line(Client().get(reverse(name), **header), 401, SIGNED_OUT)


def test_a_part_is_never_the_page_for_the_code(client, editor, settings):
    settings.TWO_FACTOR = "optional"
    key = token(client)
    TOTPDevice.objects.create(user=editor, name="phone", confirmed=True)

    answer = client.post(reverse(PARTS[0]), words(csrfmiddlewaretoken=key), **HTMX)

    assert_a_line(answer, 401, "Enter your code in another tab, then save.")


def test_a_part_with_the_token_of_an_earlier_session(client):
    answer = client.post(reverse(PARTS[0]), words(csrfmiddlewaretoken="x" * 64), **HTMX)
    assert_a_line(
        answer,
        403,
        "You have signed in again since this page was opened. Press the button again.",
    )


def test_a_part_of_what_is_not_allowed_not_there_or_broken(client, monkeypatch):
    assert_a_line(
        client.get("/admin/auth/user/", **HTMX),
        403,
        "You don’t have permission to do this. Ask an administrator.",
    )
    assert client.get("/nowhere/", **HTMX).content.decode().count("<html") == 0

    def broken(*_args, **_kwargs):
        raise RuntimeError

    monkeypatch.setattr("distribution.admin.content.pages.form_for", broken, raising=False)
    monkeypatch.setattr("distribution.admin.content.views.form_for", broken)
    client.raise_request_exception = False
    answer = client.post(
        reverse(PARTS[0]), words(csrfmiddlewaretoken=token(client, "/admin/")), **HTMX
    )
    assert answer.status_code == 500
    assert b"What you typed is still here." in answer.content
    assert b"<html" not in answer.content


def test_a_part_while_signing_in_is_locked(settings):
    settings.AXES_FAILURE_LIMIT = 1
    form = {"username": "ada", "password": "wrong"}
    Client().post("/admin/login/", form)
    answer = Client().post("/admin/login/", form, **HTMX)
    assert answer.status_code == 429
    assert b"<html" not in answer.content


def test_a_part_that_is_one_stays_what_it_is(client):
    key = token(client)
    answer = client.post(reverse(PARTS[1]), words(csrfmiddlewaretoken=key), **HTMX)
    assert answer.status_code == 200
    assert b'role="alert"' not in answer.content


def test_a_program_keeps_its_problems():
    answer = Client().get("/api/distribution/status", **HTMX)
    assert answer["Content-Type"] == "application/problem+json"


# --- forms --------------------------------------------------------------------------------------


def test_what_was_typed_is_kept_when_the_session_is_over_and_saved_after_signing_in(client):
    key = token(client)
    Session.objects.all().delete()
    typed = words(csrfmiddlewaretoken=key, note="  two\r\nlines & more", _save="")

    answer = client.post(ADD + "?fallback=1", typed)

    assert answer.status_code == 401
    page = answer.content.decode()
    assert SIGNED_OUT in page
    assert "<dd>Budget &lt;day&gt;</dd>" in page
    assert 'target="_blank"' in page
    address, fields = resent(answer)
    assert address == ADD + "?fallback=1"
    assert fields["title"] == ["Budget <day>"]
    assert fields["note"][0].split() == ["two", "lines", "&", "more"]
    assert "_save" in fields

    signing_in = token(client, "/admin/login/")
    client.post(
        "/admin/login/",
        {"username": "ada", "password": PASSWORD, "csrfmiddlewaretoken": signing_in},
    )
    again = client.post(address, {name: values[0] for name, values in fields.items()})
    assert again.status_code == 403  # the token of the page is that of the session before
    assert "nothing has been done yet. Save again." in again.content.decode()
    address, fields = resent(again)
    assert fields["title"] == ["Budget <day>"]
    third = client.post(address, {name: values[0] for name, values in fields.items()})
    assert third.status_code == 200  # the form, which says what is missing
    assert "Budget &lt;day&gt;" in third.content.decode()


def test_every_value_of_a_list_and_no_password_is_kept(client):
    key = token(client, "/admin/password_change/")
    Session.objects.all().delete()
    answer = client.post(
        "/admin/password_change/",
        {"csrfmiddlewaretoken": key, "old_password": "secret-1", "picked": ["1", "2"]},
    )
    assert b"secret-1" not in answer.content
    assert resent(answer)[1]["picked"] == ["1", "2"]


def test_what_was_typed_is_kept_while_the_code_is_wanted(client, editor, settings):
    settings.TWO_FACTOR = "optional"
    key = token(client)
    TOTPDevice.objects.create(user=editor, name="phone", confirmed=True)

    answer = client.post(ADD, words(csrfmiddlewaretoken=key))

    assert answer.status_code == 401
    assert "Enter your code in another tab, then save." in answer.content.decode()
    assert reverse("second_factor") in answer.content.decode()
    assert resent(answer)[1]["title"] == ["Budget <day>"]


def test_what_was_typed_is_kept_while_a_code_is_to_be_set_up(client, settings):
    key = token(client)
    settings.TWO_FACTOR = "required"

    answer = client.post(ADD, words(csrfmiddlewaretoken=key))

    assert answer.status_code == 401
    page = answer.content.decode()
    assert "Set up two-factor authentication in another tab, then save." in page
    assert reverse("second_factor_set_up") in page
    assert resent(answer)[1]["title"] == ["Budget <day>"]
    part = client.post(reverse(PARTS[0]), words(csrfmiddlewaretoken=key), **HTMX)
    assert_a_line(part, 401, "Set up two-factor authentication in another tab, then save.")
    late = client.post(ADD, words(csrfmiddlewaretoken="x" * 64))
    assert (late.status_code, resent(late)[1]["title"]) == (401, ["Budget <day>"])
    assert "Set up two-factor authentication in another tab" in late.content.decode()

    settings.TWO_FACTOR = "off"  # as after the set-up
    address, fields = resent(answer)
    saved = client.post(address, {name: values[0] for name, values in fields.items()})
    assert "Budget &lt;day&gt;" in saved.content.decode()


@pytest.mark.parametrize(
    "sent", [{}, {"csrfmiddlewaretoken": "x" * 64}, {"csrfmiddlewaretoken": "?"}]
)
def test_a_form_without_a_valid_token_says_what_to_do_and_keeps_what_was_typed(client, sent):
    client.get(ADD)
    answer = client.post(ADD, words(**sent))
    assert answer.status_code == 403
    assert "Save again." in answer.content.decode()
    address, fields = resent(answer)
    saved = client.post(address, {name: values[0] for name, values in fields.items()})
    assert saved.status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        {"HTTP_ORIGIN": "https://evil.example"},
        {"HTTP_ORIGIN": "null"},
        {"HTTP_SEC_FETCH_SITE": "cross-site"},
    ],
)
def test_what_another_site_sent_is_not_shown_as_somebodys_own(client, header):
    answer = client.post(ADD, words(title="Send this"), **header)
    assert answer.status_code == 403
    assert b"Send this" not in answer.content
    assert "didn’t come from Daybreak".encode() in answer.content


def test_a_sign_in_page_of_another_session_opens_again_without_the_password():
    client = Client(enforce_csrf_checks=True)
    form = {"username": "ada", "password": PASSWORD}
    answer = client.post("/admin/login/?next=/admin/x/", form)
    assert answer.status_code == 403
    assert PASSWORD.encode() not in answer.content
    assert b'href="/admin/login/?next=/admin/x/"' in answer.content


def test_a_file_cannot_be_kept_and_the_page_says_so(client, tmp_path):
    key = token(client)
    Session.objects.all().delete()
    file = tmp_path / "list.csv"
    file.write_text("phone\n9820000100\n")
    with file.open("rb") as sent:
        answer = client.post(
            "/admin/subscribers/importjob/add/", {"file": sent, "csrfmiddlewaretoken": key}
        )
    assert b"A file cannot be kept here" in answer.content


# --- arriving -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "page"),
    [
        ("/admin/distribution/content/preview/", "/admin/distribution/content/"),
        ("/admin/distribution/content/fields/", "/admin/distribution/content/"),
        ("/admin/distribution/messagetemplate/sync/", "/admin/distribution/messagetemplate/"),
        ("/dashboard/board/", "/dashboard/"),
        ("/dashboard/", "/dashboard/"),
        ("/admin/distribution/content/", "/admin/distribution/content/"),
    ],
)
def test_nobody_arrives_at_what_is_no_page(editor, address, page):
    client = Client()
    answer = client.post(
        f"/admin/login/?next={address}",
        {"username": "ada", "password": PASSWORD, "next": address},
        follow=True,
    )
    assert answer.status_code == 200
    assert answer.request["PATH_INFO"] == page
    assert arrivals.ARRIVING not in client.session


def test_who_enters_the_code_arrives_at_a_page_too(client, editor, settings):
    settings.TWO_FACTOR = "optional"
    device = TOTPDevice.objects.create(user=editor, name="phone", confirmed=True)
    code = TOTP(device.bin_key).token()
    way = reverse("second_factor")
    key = token(client, way)
    address = f"{way}?next=/admin/distribution/content/preview/"
    answer = client.post(address, {"code": f"{code:06}", "csrfmiddlewaretoken": key}, follow=True)
    assert (answer.status_code, answer.request["PATH_INFO"]) == (
        200,
        "/admin/distribution/content/",
    )
    assert client.get("/admin/distribution/content/preview/").status_code == 405  # asked for itself
