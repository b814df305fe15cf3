"""The command lines of web, worker, beat, keeper, sandbox and one-off manage.py commands.

Production runs the same commands on separate machines.
"""

from __future__ import annotations

import http.client
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from config.processes.child import (
    INFRASTRUCTURE,
    PROJECT_FOLDER,
    READY_FILE,
    Child,
    is_reported_ready,
)

# Opening a distribution must not wait behind batches, nor the rest behind either. Retries are sent
# by the processes that hold the phone numbers.
SENDING = ("batch-processing", "distribution-retry")
WORKER_GROUPS: tuple[tuple[str, ...], ...] = (
    ("mass-distribution",),
    SENDING,
    ("distribution-analytics", "webhooks"),
)
WEB_THREADS = 8  # concurrent requests; the GIL and SQLite's single writer allow no more


@dataclass(frozen=True, kw_only=True)
class SandboxOptions:
    """Options of the stand-in Cloud API: numbers as ID:DISPLAY:RATE[:QUALITY], message templates as
    NAME:LANG:BODYPARAMS, and further command line options."""

    numbers: Sequence[str]
    templates: Sequence[str]
    options: Sequence[str] = ()
    access_token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    app_secret: str = field(default_factory=lambda: secrets.token_hex(16))
    verify_token: str = field(default_factory=lambda: secrets.token_urlsafe(16))

    def environment(self, url: str) -> dict[str, str]:
        """Variables that make the services call this sandbox at `url` instead of Meta."""
        ids = [number.partition(":")[0] for number in self.numbers]
        return {
            "WHATSAPP_API_BASE": url,
            "WHATSAPP_ACCESS_TOKEN": self.access_token,
            "WHATSAPP_ACCESS_TOKEN_FILE": "",  # it would take precedence
            "WHATSAPP_APP_SECRET": self.app_secret,
            "WHATSAPP_VERIFY_TOKEN": self.verify_token,
            **{f"WHATSAPP_PHONE_NUMBER_ID_{n}": name for n, name in enumerate(ids[:3], start=1)},
        }


def manage(env: Mapping[str, str], *arguments: str) -> Child:
    """`manage.py ARGUMENTS`, run once."""
    name = f"manage-{arguments[0]}"
    return Child(name=name, argv=_manage(*arguments), env=env, restarts=False)


def foreground(env: Mapping[str, str], module: str, *arguments: str) -> Child:
    """`python -m MODULE ARGUMENTS` on the launcher's terminal, run once."""
    argv = _module(module, *arguments)
    return Child(name=module, argv=argv, env=env, restarts=False, terminal=True)


def web(env: Mapping[str, str], port: int) -> Child:
    """Django behind granian on 127.0.0.1:`port`; ready with its first HTTP response."""
    address = ["--host", "127.0.0.1", "--port", str(port), "--http", "1", "--no-ws"]
    threads = env.get("GRANIAN_BLOCKING_THREADS") or str(WEB_THREADS)
    end = ["--workers", "1", "--respawn-failed-workers", "--workers-kill-timeout", "5"]
    application = ["--interface", "wsgi", "config.wsgi:application"]
    return Child(
        name="web",
        argv=_module("granian", *address, *end, *application),
        env={**env, "GRANIAN_BLOCKING_THREADS": threads},
        ready=lambda _: answers_http(port),
    )


def workers(env: Mapping[str, str], ready_folder: Path, *, senders: int = 1) -> list[Child]:
    """One worker for each group of queues; `senders` of those that send batches."""
    further = range(2, senders + 1)
    return [
        *(worker(env, group, ready_folder) for group in WORKER_GROUPS),
        *(worker(env, SENDING, ready_folder, f"worker-{SENDING[0]}-{n}") for n in further),
    ]


def worker(
    env: Mapping[str, str], queues: Sequence[str], ready_folder: Path, name: str = ""
) -> Child:
    """A Celery worker for `queues`; ready when it consumes them."""
    name = name or f"worker-{queues[0]}"
    return _reporting(name, _manage("worker", *queues), env, ready_folder)


def beat(env: Mapping[str, str], ready_folder: Path) -> Child:
    """Celery beat with the timetable in the database; ready when it has loaded it."""
    # No --loglevel: Django configures logging, from LOG_LEVEL.
    scheduler = ["--scheduler", "config.beat:Scheduler", "--pidfile", ""]
    return _reporting(
        "beat", _module("celery", "-A", "config", "beat", *scheduler), env, ready_folder
    )


def keeper(env: Mapping[str, str], ready_folder: Path) -> Child:
    """The keeper, which stands in for Celery; ready after its first successful round."""
    return _reporting("keeper", _manage("keeper"), env, ready_folder)


def _reporting(name: str, argv: Sequence[str], env: Mapping[str, str], ready_folder: Path) -> Child:
    """A child that is ready when it wrote its pid to its ready file."""
    file = ready_folder / name
    return Child(
        name=name,
        argv=argv,
        env={**env, READY_FILE: str(file)},
        ready=lambda process: is_reported_ready(file, process),
    )


def sandbox(
    env: Mapping[str, str], sandbox_options: SandboxOptions, port: int, web_url: str
) -> Child:
    """The stand-in Cloud API on 127.0.0.1:`port`, which posts webhooks to `web_url`. It is stopped
    after its callers."""
    arguments = [
        f"--port={port}",
        f"--webhook-url={web_url}/webhooks/whatsapp",
        *(f"--number={number}" for number in sandbox_options.numbers),
        *(f"--template={template}" for template in sandbox_options.templates),
    ]
    secrets_of_it = {  # not arguments, which every user of the machine can read
        "SANDBOX_ACCESS_TOKEN": sandbox_options.access_token,
        "SANDBOX_APP_SECRET": sandbox_options.app_secret,
        "SANDBOX_VERIFY_TOKEN": sandbox_options.verify_token,
    }
    return Child(
        name="sandbox",
        argv=_module("sandbox", *arguments, *sandbox_options.options),
        env={**env, **secrets_of_it},
        stage=INFRASTRUCTURE,
        ready=lambda process: "sandbox listening on" in process.output(),
    )


def answers_http(port: int) -> bool:
    """Whether 127.0.0.1:`port` returns an HTTP response within two seconds."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/")
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def _module(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", name, *arguments]


def _manage(*arguments: str) -> list[str]:
    return [sys.executable, str(PROJECT_FOLDER / "manage.py"), *arguments]
