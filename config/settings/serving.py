"""What whoever starts a web server says about it, in the environment: granian reads it there, too.

Imported before `.env` is read, of which granian knows nothing.
"""

from __future__ import annotations

from config.settings import environment as env

# Requests at a time. A server that does not say it has at least as many.
WEB_THREADS = env.integer("GRANIAN_BLOCKING_THREADS", 8, low=1, high=1000)
