"""The session in docs/api.md, run by a shell against a server: every command, every answer."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from distribution.access import tokens
from distribution.content import approval
from distribution.lifecycle import confirmation, schedule
from distribution.models import Content, Distribution, DistributionState
from tests.builders import a_number, a_template, a_user, some_subscribers
from tests.distribution.staff import a_member

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
PAGE = (DOCS / "api.md").read_text()
STEP = re.compile(r"^<!-- (?P<hook>[^\n]+) -->$|^```console\n(?P<block>.*?)^```$", re.M | re.S)
END = "that was the answer"


def approve() -> None:
    content = Content.objects.get()
    approval.approve(content, by=a_user(), now=timezone.now(), reason="In time.")


def confirm() -> None:
    waiting = Distribution.objects.get(state=DistributionState.AWAITING_CONFIRMATION)
    confirmation.confirm(waiting.pk, by=a_user(), now=timezone.now())


def begin() -> None:
    assert schedule.open_due(timezone.now())


HOOKS: dict[str, Callable[[], None]] = {
    "somebody approves it": approve,
    "somebody confirms it": confirm,
    "it begins": begin,
}


def commands(block: str) -> Iterator[tuple[str, str]]:
    """Each command of a block, its continued lines joined, and the answer that is shown."""
    command, answer = "", ""
    for line in block.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, answer
            command, answer = line[2:], ""
        elif line.startswith("> "):
            command += "\n" + line[2:]
        else:
            answer += line + "\n"
    yield command, answer


def fits(shown: str, told: str) -> bool:
    """Whether an answer is the one that is shown; `…` stands for anything."""
    parts = [re.escape(part) for part in shown.strip().split("…")]
    return re.fullmatch(".*".join(parts), told.strip(), re.S) is not None


class Shell:
    """One bash for the whole session, so that its variables last."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._bash = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, command: str) -> str:
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.write(f"{command}\nprintf '\\n{END}\\n'\n")
        self._bash.stdin.flush()
        lines = iter(self._bash.stdout.readline, f"{END}\n")
        return "".join(line for line in lines if line or pytest.fail("The shell ended."))

    def close(self) -> None:
        self._bash.communicate("exit\n", timeout=20)


@pytest.fixture
def shell(tmp_path: Path, live_server: Any) -> Iterator[Shell]:
    if shutil.which("curl") is None:
        pytest.skip("There is no curl: install it.")
    scopes, now = ["read", "subscribers", "content", "distribute"], timezone.now()
    owner = a_member()
    _, key = tokens.issue("portal", scopes, user=owner, by=owner, expires_at=None, now=now)
    environment = {
        "API": f"{live_server.url}/api",
        "TOKEN": key,
        "TOMORROW": f"{timezone.localdate() + timedelta(days=1)}",
        "TEMPLATE": str(a_template().pk),
    }
    bash = Shell(tmp_path, environment)
    yield bash
    bash.close()


@pytest.mark.django_db(transaction=True)
def test_the_session_of_the_page_is_what_happens(shell: Shell) -> None:
    some_subscribers(3)
    a_number()
    asked = 0
    for step in STEP.finditer(PAGE):
        if step["hook"]:
            HOOKS[step["hook"]]()
            continue
        for command, shown in commands(step["block"]):
            told = shell.run(command)
            assert fits(shown, told), f"$ {command}\nshown: {shown}\ntold: {told}"
            asked += 1
    assert asked >= 18
