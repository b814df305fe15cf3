"""Every command of docs/sandbox.md works as it stands there."""

from __future__ import annotations

import json
import re
import shlex

from tests.sandbox.harness import ONE, ROOT, TOKEN, Receiver, SandboxProcess

MANUAL = ROOT / "docs" / "sandbox.md"


def commands() -> list[list[str]]:
    """The arguments of every curl of the manual's control API."""
    text = MANUAL.read_text().split("## The control API")[1]
    lines = re.findall(r"^curl (?:[^'#\n]|'[^']*')*", text, re.MULTILINE)
    parts = [part for line in lines for part in line.split("; ")]
    return [shlex.split(part)[1:] for part in parts]


def upload(sandbox: SandboxProcess) -> None:
    sandbox.session.post(
        f"{sandbox.url}/v25.0/{ONE}/media",
        files={"file": ("a.png", b"pixels", "image/png")},
        data={"messaging_product": "whatsapp"},
        headers={"Authorization": f"Bearer {TOKEN}"},
        timeout=10,
    )


def test_every_command_of_the_manual_is_accepted(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    found = commands()
    assert len(found) > 30
    for arguments in found:
        method = arguments[arguments.index("-X") + 1] if "-X" in arguments else "GET"
        (path,) = (part for part in arguments if part.startswith("$C/"))
        if "/media/" in path:
            upload(sandbox)
        body = json.loads(arguments[arguments.index("-d") + 1]) if "-d" in arguments else None
        answer = sandbox.ask(method, path.removeprefix("$C/"), body)
        assert answer.status_code == 200, (arguments, answer.text)
