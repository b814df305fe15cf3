"""A forgotten password: a link by e-mail, which works once and never replaces the second factor."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from distribution.alerts.notifiers import mail as sender
from distribution.models import Notification

pytestmark = pytest.mark.django_db
OLD, NEW = "correct horse battery", "a much better password"
ASK = "/admin/reset-password/"


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada", "ada@example.com", password=OLD, is_staff=True)


def ask(address: str, network: str = "203.0.113.1") -> Any:
    return Client(REMOTE_ADDR=network).post(ASK, {"email": address}, follow=True)


def sent_link() -> str:
    """The path of the link in the e-mail that was sent last."""
    sender.deliver_due()
    found = re.search(r"https?://[^/]+(/admin/reset-password/\S+)", mail.outbox[-1].body)
    assert found is not None
    return found[1]


def open_form(client: Client, link: str) -> str:
    """Follow the link; the address of the form that it leads to."""
    answer = client.get(link, follow=True)
    assert answer.status_code == 200
    return str(answer.redirect_chain[-1][0]) if answer.redirect_chain else link


def choose(client: Client, form: str, password: str = NEW) -> Any:
    return client.post(form, {"new_password1": password, "new_password2": password}, follow=True)


def test_the_link_changes_the_password_ends_all_sessions_and_is_logged(ada: User) -> None:
    elsewhere = Client()
    elsewhere.force_login(ada)
    page = Client().get("/admin/login/").content.decode()
    assert f'href="{ASK}"' in page

    ask("Ada@Example.com")
    browser = Client()
    done = choose(browser, open_form(browser, sent_link()))

    assert "Password changed. Sign in with your new password." in done.content.decode()
    assert not done.wsgi_request.user.is_authenticated
    assert elsewhere.get("/admin/").status_code == 302
    ada.refresh_from_db()
    assert ada.check_password(NEW)
    entry = LogEntry.objects.filter(user=ada).first()
    assert entry is not None
    assert "Reset the password with a link sent by e-mail." in entry.change_message
    sender.deliver_due()
    assert (mail.outbox[-1].subject, mail.outbox[-1].to) == (
        "Your password was reset",
        ["ada@example.com"],
    )


def test_the_link_works_once(ada: User) -> None:
    ask("ada@example.com")
    ask("ada@example.com")
    first, other = sent_link(), mail.outbox[0].body
    browser = Client()
    form = open_form(browser, first)
    choose(browser, form)

    again = Client()
    for link in (first, re.search(r"/admin/reset-password/\S+", other)[0]):  # type: ignore[index]
        assert "This link no longer works" in again.get(link, follow=True).content.decode()
    assert (
        "This link no longer works"
        in choose(browser, form, "yet another password").content.decode()
    )
    ada.refresh_from_db()
    assert ada.check_password(NEW)


def test_the_link_ends_after_half_an_hour(ada: User) -> None:
    ask("ada@example.com")
    link = sent_link()

    with time_machine.travel(timezone.localtime() + timedelta(minutes=31), tick=False):
        late = Client().get(link, follow=True)
        assert "This link no longer works" in late.content.decode(), late.content.decode()


def test_the_second_factor_is_still_asked_for(ada: User, settings: Any) -> None:
    settings.TWO_FACTOR = "required"
    TOTPDevice.objects.create(user=ada, key="00" * 20, confirmed=True)
    ask("ada@example.com")
    browser = Client()
    choose(browser, open_form(browser, sent_link()))

    browser.post("/admin/login/", {"username": "ada", "password": NEW})

    answer = browser.get("/admin/")
    assert (answer.status_code, answer["Location"]) == (302, "/admin/second-factor/?next=/admin/")
    assert TOTPDevice.objects.filter(user=ada).count() == 1


@pytest.mark.parametrize("address", ["nobody@example.com", "gone@example.com", "shop@example.com"])
def test_an_address_without_an_account_gets_the_same_answer_at_the_same_cost(
    ada: User, address: str
) -> None:
    User.objects.create_user("gone", "gone@example.com", is_staff=True, is_active=False)
    User.objects.create_user("customer", "shop@example.com", password=OLD)

    def cost(to: str) -> tuple[bytes, list[str]]:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            answer = ask(to)
        verbs = [query["sql"].split()[0] for query in queries]
        return re.sub(rb'csrf\w*" value="[^"]+', b"", answer.content), verbs

    assert cost(address) == cost("ada@example.com")
    assert sender.deliver_due() == 1
    assert [message.to for message in mail.outbox] == [["ada@example.com"]]


def test_an_address_that_only_looks_alike_is_another(ada: User) -> None:
    ask("ada@examp\u0131e.com")
    ask("ad\u0430@example.com")

    assert sender.deliver_due() == 0


def test_requests_for_one_address_and_from_one_network_are_limited(ada: User) -> None:
    User.objects.create_user("bo", "bo@example.com", password=OLD, is_staff=True)
    answers = {ask("ADA@example.com", f"203.0.113.{number}").status_code for number in range(6)}
    assert answers == {200}
    assert sender.deliver_due() == 3

    for number in range(12):
        ask(f"somebody-{number}@example.com", "198.51.100.7")
    ask("bo@example.com", "198.51.100.7")
    assert sender.deliver_due() == 0

    with time_machine.travel(timezone.now() + timedelta(minutes=61), tick=False):
        ask("bo@example.com", "198.51.100.7")
        assert sender.deliver_due() == 1


def test_no_stored_row_opens_an_account(ada: User) -> None:
    ask("ada@example.com")
    link = sent_link()

    row = Notification.objects.get()
    token = link.rstrip("/").rpartition("/")[2]
    stored = " ".join(str(value) for value in vars(row).values())
    assert token not in stored
    assert "ada@example.com" not in stored


def test_an_address_that_is_none_is_named_and_nothing_is_stored(ada: User) -> None:
    assert "Enter an e-mail address such as" in ask("ada").content.decode()
    assert "Enter your e-mail address." in ask("").content.decode()
    assert not Notification.objects.exists()


def test_without_a_mail_server_the_pages_say_so(ada: User, settings: Any) -> None:
    settings.EMAIL_ENABLED = False

    assert ASK not in Client().get("/admin/login/").content.decode()
    assert "cannot send e-mails" in Client().get(ASK).content.decode()
    ask("ada@example.com")
    assert not Notification.objects.exists()
