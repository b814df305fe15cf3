from __future__ import annotations

import json
import logging
import logging.config
import sys
from io import StringIO
from typing import Any

import pytest
from celery import current_app
from celery.app.log import Logging
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from config.settings import logs
from config.settings.redaction import redactor
from masking.phones import mask_phone

redact = redactor(["the app's own secret", "short"])
ANY = st.text(max_size=40)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authorization: Bearer EAAG.x-1_2|3=", "Authorization: Bearer ***"),
        ("{'authorization': 'bearer abc'}", "{'authorization': 'bearer ***'}"),
        ("GET /me?access_token=abc&fields=id", "GET /me?access_token=***&fields=id"),
        ('{"access_token": "abc", "n": 1}', '{"access_token": "***", "n": 1}'),
        ("GET /?hub.verify_token=abc&hub.mode=x", "GET /?hub.verify_token=***&hub.mode=x"),
        ("token EAAJZBxyz0123456789abcdefgh!", "token ***!"),
        ("X-Hub-Signature-256: sha256=0123456789abcdef", "X-Hub-Signature-256: sha256=***"),
        ("Cookie: csrftoken=abc; sessionid=def", "Cookie: csrftoken=***; sessionid=***"),
        ("redis://:pa:ss@127.0.0.1:6379/0 is down", "redis://***@127.0.0.1:6379/0 is down"),
        ("postgresql://daybreak:word@db/name", "postgresql://***@db/name"),
        ("signed with the app's own secret.", "signed with ***."),
        ("to +919812345678: refused", "to +91******5678: refused"),
        ('{"recipient_id": "919812345678"}', '{"recipient_id": "91******5678"}'),
        ("STOP of IN.13491208655302741918.", "STOP of IN.******1918."),
        ("{'user_id': 'US.a1B2c3D4e5'}", "{'user_id': 'US.******D4e5'}"),
        ("key=_BR.919812345678_", "key=_BR.******5678_"),
        ("+14155550123,2+4915123456789", "+14******0123,2+49******6789"),
    ],
)
def test_what_must_not_get_out_is_hidden(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Opened distribution 12 for 1998 recipients at 2026-11-23T06:00:00+05:30.",
        "https://graph.facebook.com/v25.0/100000000000001/messages answered 200",
        "batch 919812345678901 took 1732345678.123 s",
        "short words stay, even if somebody chose one as a secret",
        "wrote to someone@example.org",
        "DB.objects, v2.IN.queries and A.B.12345678 are no user ids",
    ],
)
def test_what_helps_stays(text: str) -> None:
    assert redact(text) == text


@given(before=ANY, digits=st.from_regex(r"[6-9][0-9]{9}", fullmatch=True), after=ANY)
def test_no_indian_number_survives_whatever_stands_around_it(
    before: str, digits: str, after: str
) -> None:
    assert f"+91{digits}" not in redact(f"{before}+91{digits} {after}")


@given(secret=st.from_regex(r"[A-Za-z0-9+/=.*(\[\\]{12,40}", fullmatch=True), before=ANY, after=ANY)
def test_no_known_secret_survives_whatever_it_is_made_of(
    secret: str, before: str, after: str
) -> None:
    assert secret not in redactor([secret])(f"{before} {secret} {after}")


def test_numbers_are_masked_as_everywhere_else() -> None:
    assert redact("+919812345678") == mask_phone("+919812345678")
    assert redact("+12345678") == mask_phone("+12345678")


def record(message: Any, *arguments: Any, **fields: Any) -> logging.LogRecord:
    made = logging.LogRecord("app.part", logging.INFO, __file__, 1, message, arguments, None)
    made.__dict__.update(created=1763856000.5, msecs=500.0, process=7, **fields)
    return made


def failure() -> Any:
    try:
        raise ValueError("refused with Bearer abcdef")
    except ValueError:
        return sys.exc_info()


def test_a_line_for_people_says_when_how_grave_who_and_what() -> None:
    line = logs.TextFormatter().format(record("%s opened", "+919812345678"))

    assert line == "2025-11-23T00:00:00.500Z INFO app.part: +91******5678 opened"


def test_an_object_for_machines_holds_the_same() -> None:
    line = logs.JsonFormatter().format(record('said "%s"', "+919812345678"))

    assert json.loads(line) == {
        "time": "2025-11-23T00:00:00.500Z",
        "level": "info",
        "logger": "app.part",
        "message": 'said "+91******5678"',
        "process": 7,
    }


@pytest.mark.parametrize("formatter", [logs.TextFormatter(), logs.JsonFormatter()])
def test_a_traceback_is_told_and_hides_as_much(formatter: logging.Formatter) -> None:
    line = formatter.format(record("failed", exc_info=failure()))

    assert "ValueError: refused with Bearer ***" in line
    assert "abcdef" not in line


def test_a_strangers_text_forges_no_line_and_commands_no_terminal() -> None:
    line = logs.TextFormatter().format(record("%s", "hi\n2025 INFO x: y\r\x1b[2J"))

    assert line.partition(": ")[2] == "hi\n  2025 INFO x: y??[2J"


def test_arguments_that_do_not_fit_are_not_shown() -> None:
    line = logs.TextFormatter().format(record("%d sent", "+919812345678"))

    assert line.endswith("app.part: %d sent (its arguments do not fit)")


@pytest.mark.parametrize("name", ["distribution.tasks", "django.request", "celery.task", "kombu"])
def test_every_librarys_lines_go_through_the_one_handler(name: str) -> None:
    handlers = []
    logger: logging.Logger | None = logging.getLogger(name)
    while logger:
        handlers += logger.handlers
        logger = logger.parent if logger.propagate else None
    writing = [handler for handler in handlers if not isinstance(handler, logging.NullHandler)]
    ours = [handler for handler in writing if "pytest" not in type(handler).__module__]

    assert [type(handler.formatter) for handler in ours] == [logs.TextFormatter]


def test_celery_adds_no_handler_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Logging, "_setup", False)
    for name in ("_MP_FORK_LOGLEVEL_", "_MP_FORK_LOGFILE_", "_MP_FORK_LOGFORMAT_"):
        monkeypatch.setenv(name, "")  # it writes them: back to what they were afterwards

    Logging(current_app).setup_logging_subsystem("INFO")

    tasks = logging.getLogger("celery.task")
    assert {type(handler) for handler in tasks.handlers} <= {logging.NullHandler}
    assert tasks.propagate


def test_the_settings_own_secrets_never_reach_a_log() -> None:
    formatter = settings.LOGGING["formatters"]["redacted"]
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter["()"](formatter["secrets"]))

    handler.handle(record("signed with %s and %s", settings.SECRET_KEY, "test-app-secret"))

    assert stream.getvalue().endswith("signed with *** and ***\n")
