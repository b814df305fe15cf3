"""Run as a script: imports the settings and prints which variables that read, and how."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections import defaultdict
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[2]
reads: defaultdict[str, set[str]] = defaultdict(set)
VAR = os.environ["DAYBREAK_VAR"]
plain_get = os._Environ.__getitem__


def _is_ours(frame: FrameType | None) -> bool:
    file = Path(frame.f_code.co_filename) if frame else ROOT
    return ROOT in file.parents and "site-packages" not in file.parts


def _stable(value: object) -> str:
    return repr(sorted(value) if isinstance(value, set | frozenset) else value)


def noted(self: os._Environ[str], name: str) -> str:
    """The variable's value. The outermost function of the reading file is the one called."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_code.co_filename == os._Environ.get.__code__.co_filename:
        frame = frame.f_back
    if _is_ours(frame):
        file = frame.f_code.co_filename
        while frame.f_back and frame.f_back.f_code.co_filename == file:
            frame = frame.f_back
        code = frame.f_code
        wanted = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
        told = " ".join(f"{one}={_stable(frame.f_locals[one])}" for one in wanted)
        reads[name].add(told.replace(str(ROOT), "ROOT").replace(VAR, "VAR"))
    return plain_get(self, name)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    os._Environ.__getitem__ = noted  # type: ignore[method-assign]
    importlib.import_module("config.settings")
    print(json.dumps({name: " | ".join(sorted(told)) for name, told in reads.items()}))  # noqa: T201
