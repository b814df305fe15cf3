"""Settings of the web server, taken from the environment variables that granian itself reads.

Imported before `.env` is read, because granian does not read that file.
"""

from __future__ import annotations

from config.settings import environment as env

# Concurrent requests. If the variable is not set, the server has at least this many threads.
WEB_THREADS = env.integer("GRANIAN_BLOCKING_THREADS", 8, low=1, high=1000)
