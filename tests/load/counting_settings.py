"""The project's settings, with every database statement of the process counted.

Each process keeps its count in a file under STATEMENTS_DIR, named by its number. BEGIN and
COMMIT are left out: they are not work that a better query would save.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from django.db.backends.signals import connection_created

from config.settings import *  # noqa: F403

FOLDER = Path(os.environ["STATEMENTS_DIR"])
lock = threading.Lock()
counted = 0
written = -1


def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    global counted
    if not sql.startswith(("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")):
        with lock:
            counted += 1
    return execute(sql, params, many, context)


def watch(connection: Any, **_: Any) -> None:
    if count not in connection.execute_wrappers:
        connection.execute_wrappers.append(count)


def keep_writing() -> None:
    global written
    while True:
        if counted != written:
            written = counted
            file = FOLDER / f"{os.getpid()}"
            file.write_text(f"{written} {' '.join(sys.argv)}")
        time.sleep(0.2)


connection_created.connect(watch, weak=False)
threading.Thread(target=keep_writing, daemon=True).start()
