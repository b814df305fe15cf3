"""`python .ci/audit_dependencies.py`: what the pinned packages are known to be vulnerable to.

pip-audit asks a database of advisories on the internet for each pin. Where that cannot be reached
it skips packages and still says that no vulnerability was found; here a package that nobody looked
up is reported as such. Ends with 0 when every pin was looked up and nothing was found, with 1 when
something was found, and with 2 when anything could not be checked.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FOUND, UNCHECKED = 1, 2
AUDIT = (sys.executable, "-m", "pip_audit")
OPTIONS = ("--require-hashes", "--disable-pip", "--format", "json", "--progress-spinner", "off")
REQUIREMENTS = "requirements-dev.txt"  # the runtime's and more
TIMEOUT_SECONDS = 600


def main(audit: Sequence[str] = AUDIT) -> int:
    """Prints the findings; the exit code."""
    folder = Path(__file__).resolve().parent.parent
    command = [*audit, *OPTIONS, "--requirement", str(folder / REQUIREMENTS)]
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        )
        packages = json.loads(done.stdout)["dependencies"]
    except (OSError, ValueError, KeyError, subprocess.TimeoutExpired):
        return unchecked("pip-audit gave no answer. Is it installed (pip install pip-audit)?")
    pins = sum("==" in line for line in (folder / REQUIREMENTS).read_text().splitlines())
    return report(packages, pins)


def report(packages: Sequence[dict[str, Any]], pins: int) -> int:
    """What was found, and what was not looked up."""
    skipped = [one for one in packages if "vulns" not in one or "skip_reason" in one]
    found = [(one, flaw) for one in packages for flaw in one.get("vulns", ())]
    for one, flaw in found:
        fixed = ", ".join(flaw.get("fix_versions") or ["no release"])
        say(f"{one['name']} {one.get('version', '')}: {flaw['id']}, fixed in {fixed}")
    looked_up = len(packages) - len(skipped)
    say(f"{looked_up} of {pins} packages were looked up, {len(found)} vulnerabilities found.")
    if skipped or not packages:
        names = ", ".join(sorted(one["name"] for one in skipped)) or "all"
        code = unchecked(f"not looked up: {names}")
        return FOUND if found else code
    return FOUND if found else 0


def unchecked(why: str) -> int:
    say(f"COULD NOT BE CHECKED: {why}")
    return UNCHECKED


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
