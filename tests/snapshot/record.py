"""`python -m tests.snapshot.record`: writes `data/` anew, which a reviewer then reads as a diff."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

RECORD = "DAYBREAK_RECORD_SNAPSHOT"

if __name__ == "__main__":
    os.environ[RECORD] = "1"
    sys.exit(pytest.main(["-n", "0", str(Path(__file__).parent)]))
