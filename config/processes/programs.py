"""The command line of every role: web, worker, beat, keeper, sandbox, one-off manage.py commands.

The same commands run each on its own machine in production.
"""

from __future__ import annotations

import http.client
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from config.processes.child import FOUNDATION, READY_FILE, Child, is_reported_ready

# Fan-out must not wait behind batches, nor the rest behind either.
WORKER_GROUPS: tuple[tuple[str, ...], ...] = (
    ("mass-distribution",),
    ("batch-processing",),
    ("distribution-retry", "distribution-analytics", "webhooks"),
)
WEB_THREADS = 8  # requests in Django at once; the GIL and SQLite's one writer gain from no more


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """A stand-in Cloud API: numbers as ID:DISPLAY:RATE[:QUALITY], message templates as
    NAME:LANG:BODYPARAMS, more options as its own command line takes them."""

    numbers: Sequence[str]
    templates: Sequence[str]
    webhook_path: str = "/webhooks/whatsapp"
    options: Sequence[str] = ()
    access_token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    app_secret: str = field(default_factory=lambda: secrets.token_hex(16))
    verify_token: str = field(default_factory=lambda: secrets.token_urlsafe(16))

    def environment(self, url: str) -> dict[str, str]:
        """What makes the house speak to this sandbox at `url` instead of to Meta."""
        ids = [number.partition(":")[0] for number in self.numbers]
        return {
            "WHATSAPP_API_BASE": url,
            "WHATSAPP_ACCESS_TOKEN": self.access_token,
            "WHATSAPP_APP_SECRET": self.app_secret,
            "WHATSAPP_VERIFY_TOKEN": self.verify_token,
            **{f"WHATSAPP_PHONE_NUMBER_ID_{n}": name for n, name in enumerate(ids[:3], start=1)},
        }


def manage(env: Mapping[str, str], *arguments: str) -> Child:
    """`manage.py ARGUMENTS`, run to its end."""
    name = f"manage-{arguments[0]}"
    return Child(name=name, argv=_manage(*arguments), env=env, cwd=_cwd(), lasting=False)


def foreground(env: Mapping[str, str], module: str, *arguments: str) -> Child:
    """`python -m MODULE ARGUMENTS` on the launcher's own terminal, run to its end."""
    argv = _module(module, *arguments)
    return Child(name=module, argv=argv, env=env, cwd=_cwd(), lasting=False, terminal=True)


def web(env: Mapping[str, str], port: int) -> Child:
    """Django behind granian on 127.0.0.1:`port`; ready when it answers, whatever it says."""
    address = ["--host", "127.0.0.1", "--port", str(port), "--http", "1", "--no-ws"]
    threads = ["--workers", "1", "--blocking-threads", str(WEB_THREADS)]
    end = ["--respawn-failed-workers", "--workers-kill-timeout", "5"]
    application = ["--interface", "wsgi", "config.wsgi:application"]
    return Child(
        name="web",
        argv=_module("granian", *address, *threads, *end, *application),
        env=env,
        cwd=_cwd(),
        ready=lambda _: answers_http(port),
    )


def worker(env: Mapping[str, str], queues: Sequence[str], ready_folder: Path) -> Child:
    """A Celery worker for `queues`; ready when it wrote its process number into its file."""
    name = f"worker-{queues[0]}"
    file = ready_folder / name
    return Child(
        name=name,
        argv=_manage("worker", *queues),
        env={**env, READY_FILE: str(file)},
        cwd=_cwd(),
        ready=lambda process: is_reported_ready(file, process),
    )


def beat(env: Mapping[str, str], ready_folder: Path) -> Child:
    """Celery beat on the database's timetable; ready when it has loaded that."""
    file = ready_folder / "beat"
    scheduler = ["--scheduler", "config.beat:Scheduler"]
    return Child(
        name="beat",
        # No --loglevel: Django sets up the logs, from LOG_LEVEL, and Celery leaves them alone.
        argv=_module("celery", "-A", "config", "beat", *scheduler, "--pidfile", ""),
        env={**env, READY_FILE: str(file)},
        cwd=_cwd(),
        ready=lambda process: is_reported_ready(file, process),
    )


def keeper(env: Mapping[str, str], ready_folder: Path) -> Child:
    """The second engine; ready when its first round has worked."""
    file = ready_folder / "keeper"
    return Child(
        name="keeper",
        argv=_manage("keeper"),
        env={**env, READY_FILE: str(file)},
        cwd=_cwd(),
        ready=lambda process: is_reported_ready(file, process),
    )


def sandbox(env: Mapping[str, str], stand_in: Sandbox, port: int, webhook_url: str) -> Child:
    """The stand-in Cloud API on 127.0.0.1:`port`. It ends after those who still call it."""
    arguments = [
        f"--port={port}",
        f"--webhook-url={webhook_url}",
        f"--access-token={stand_in.access_token}",
        f"--app-secret={stand_in.app_secret}",
        f"--verify-token={stand_in.verify_token}",
        *(f"--number={number}" for number in stand_in.numbers),
        *(f"--template={template}" for template in stand_in.templates),
    ]
    return Child(
        name="sandbox",
        argv=_module("sandbox", *arguments, *stand_in.options),
        env=env,
        cwd=_cwd(),
        stage=FOUNDATION,
        ready=lambda process: "sandbox listening on" in process.output(),
    )


def answers_http(port: int) -> bool:
    """Whether something at 127.0.0.1:`port` gives an HTTP answer within two seconds."""
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
    return [sys.executable, str(_cwd() / "manage.py"), *arguments]


def _cwd() -> Path:
    return Path(settings.BASE_DIR)
