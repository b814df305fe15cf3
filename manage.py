#!/usr/bin/env python
"""Django's command line for Daybreak."""

from __future__ import annotations

import os
import sys


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from config.management.command_errors import run

    return run(sys.argv)


if __name__ == "__main__":
    sys.exit(main())
