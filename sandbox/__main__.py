"""`python -m sandbox`: start a stand-in for the Cloud API from the command line."""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from sandbox.behaviour.settings import PROFILES
from sandbox.sandbox import Sandbox
from sandbox.server import serve
from sandbox.world.options import Options

new_loop: Callable[[], asyncio.AbstractEventLoop]
try:
    import uvloop

    new_loop = uvloop.new_event_loop
except ImportError:  # Windows, and wherever the wheel is missing
    new_loop = asyncio.new_event_loop

_PR_SET_PDEATHSIG = 1


def command_line() -> argparse.ArgumentParser:
    """Every argument with its default."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8900, help="0: any free port")
    parser.add_argument(
        "--profile", choices=sorted(PROFILES), default="fast", help="how Meta behaves"
    )
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same outcomes")
    for secret in ("access-token", "app-secret", "verify-token"):
        # From the environment where it is a real one: arguments are seen by every user.
        name = f"SANDBOX_{secret.upper().replace('-', '_')}"
        default = os.environ.get(name) or f"sandbox-{secret}"
        parser.add_argument(f"--{secret}", default=default, help=f"or {name}")
    parser.add_argument("--webhook-url", default="", help="where status webhooks are posted")
    parser.add_argument("--waba-id", default="400000000000001", help="id of the first account")
    parser.add_argument("--waba", dest="wabas", action="append", metavar="ID[:PORTFOLIO]")
    number = "ID:DISPLAY:RATE[:QUALITY][@WABA]"
    template = "NAME:LANGUAGE:BODYPARAMS[:CATEGORY][@WABA]"
    parser.add_argument("--number", dest="numbers", action="append", metavar=number)
    parser.add_argument("--template", dest="templates", action="append", metavar=template)
    parser.add_argument("--journal", default="", metavar="FILE", help="JSON lines, appended")
    parser.add_argument("--replay", default="", metavar="FILE", help="answer as a run record says")
    parser.add_argument(
        "--replay-within",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="no replayed report comes later than so long after its message; 0: as recorded",
    )
    parser.add_argument("--settings", dest="overrides", default="{}", metavar="JSON|FILE")
    parser.add_argument(
        "--die-with-parent",
        action="store_true",
        help="end with the process that started it (Linux)",
    )
    return parser


def options_from(given: argparse.Namespace) -> Options:
    """The start options; raises ValueError with a sentence."""
    values = {field.name: getattr(given, field.name) for field in fields(Options)}
    values["overrides"] = _overrides(given.overrides)
    return Options(**{name: value for name, value in values.items() if value is not None})


def _overrides(text: str) -> Any:
    return json.loads(text if text.lstrip().startswith("{") else Path(text).read_text())


def die_with_parent(parent: int) -> None:
    """Makes Linux terminate this process when the thread that started it ends."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it ended before the call
        sys.exit(1)


def main() -> None:
    """Parses the command line and runs the sandbox until it is stopped."""
    parent = os.getppid()
    parser = command_line()
    given = parser.parse_args()
    if given.die_with_parent:
        die_with_parent(parent)
    try:
        sandbox = Sandbox(options_from(given))
    except (ValueError, OSError) as error:
        parser.error(str(error))
    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(serve(sandbox, given.host, given.port))
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        sys.exit(f"Cannot listen on {given.host}:{given.port}: {reason}.")


if __name__ == "__main__":
    main()
