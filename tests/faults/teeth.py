"""`python -m tests.faults.teeth [--cheap] [NAME…]`: would the tests notice our worst mistakes?

Each mistake of `patches.py` is made in a copy of the sources, where the tests named beside it
must fail; in an unchanged copy they must pass. Two copies are tested at a time. Ends with 1 when a
mistake survived, with 2 when one could not be made or the right sources do not pass.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.faults.patches import MUTANTS, Mutant, PatchError

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns(".*", "var", "__pycache__", "docs")
AT_ONCE = 2
NEEDED = (".env.example", ".ci")
PASSED, FAILED = 0, 1  # pytest's own words; any other end means that nothing was tested
OURS = (
    "DJANGO_SETTINGS_MODULE",
    "DAYBREAK_TESTS",
    "DAYBREAK_VAR",
    "PYTEST_ADDOPTS",
    "PYTHONDONTWRITEBYTECODE",
)
LONGEST = 600  # seconds for the tests of one mutant


class NothingTested(Exception):  # noqa: N818 - it says what happened
    """The tests themselves did not run."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *(mutant.name for mutant in MUTANTS)])
    parser.add_argument("--cheap", action="store_true", help="the three that cost least")
    options = parser.parse_args(arguments)
    chosen = [mutant for mutant in MUTANTS if mutant.cheap or not options.cheap]
    if options.names:
        chosen = [mutant for mutant in MUTANTS if mutant.name in options.names]
    return judge(chosen)


def judge(mutants: Iterable[Mutant], root: Path = ROOT) -> int:
    """Try each and print how it ended; the exit code."""
    chosen = list(mutants)
    with tempfile.TemporaryDirectory(prefix="daybreak-teeth-") as folder:
        Path(folder).chmod(0o711)  # a PostgreSQL that runs as another account walks through it
        try:
            right = copy(root, Path(folder) / "right")
            if not passes(right, [test for mutant in chosen for test in mutant.tests], aloud=True):
                say("the right sources do not pass: no mutant can be judged")
                return 2
            trees = {mutant.name: Path(folder) / mutant.name for mutant in chosen}
            for tree in trees.values():
                shutil.copytree(right, tree)  # with what was compiled there
            with ThreadPoolExecutor(AT_ONCE) as pool:
                ended = pool.map(lambda mutant: is_caught(mutant, trees[mutant.name]), chosen)
                caught = sum(ended)
        except (PatchError, NothingTested) as error:
            say(str(error))
            return 2
    say(f"{caught} of {len(chosen)} mutants caught")
    return 0 if caught == len(chosen) else 1


def is_caught(mutant: Mutant, tree: Path) -> bool:
    """Whether the tests fail with the mistake made; told in a line."""
    began = time.monotonic()
    mutant.apply(tree)
    forget_what_was_compiled(mutant, tree)
    caught = not passes(tree, mutant.tests)
    shutil.rmtree(tree)
    verdict = "caught  " if caught else "SURVIVED"
    say(f"{verdict} {mutant.name:<20} {time.monotonic() - began:4.0f} s  {mutant.mistake}")
    return caught


def forget_what_was_compiled(mutant: Mutant, tree: Path) -> None:
    """Python tells a changed source by its size and second, which may be those of the right one."""
    for change in mutant.replacements:
        source = tree / change.file
        for compiled in (source.parent / "__pycache__").glob(f"{source.stem}.*"):
            compiled.unlink(missing_ok=True)


def copy(root: Path, place: Path) -> Path:
    """The sources alone, without what was built or written beside them."""
    shutil.copytree(root, place, ignore=LEFT_OUT)
    for name in NEEDED:
        source = root / name
        if source.is_dir():
            shutil.copytree(source, place / name)
        elif source.exists():
            shutil.copy(source, place / name)
    return place


def passes(tree: Path, tests: Sequence[str], *, aloud: bool = False) -> bool:
    """Run tests in a tree, `aloud` if failing is news; NothingTested when they did not run."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-n",
        "0",
        "-x",
        "-q",
        "-p",
        "no:cacheprovider",
    ]
    ended = subprocess.run(
        [*command, *dict.fromkeys(tests)],
        cwd=tree,
        env={name: text for name, text in os.environ.items() if name not in OURS},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    if ended.returncode == FAILED:
        if aloud:
            say(ended.stdout[-3000:])
        return False
    if ended.returncode == PASSED and " passed" in ended.stdout:  # not everything was skipped
        return True
    raise NothingTested(f"{' '.join(tests)}\n{ended.stdout[-2000:]}")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
