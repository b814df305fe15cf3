"""For how many seconds pages and API keep what they read, at most; 0: they read it each time.

A change ends it earlier: docs/analytics.md. What sends or decides keeps nothing.
"""

from __future__ import annotations

from config.settings import environment as env

DAY = 24 * 3600

CACHE_AUDIENCE_SECONDS = env.integer("CACHE_AUDIENCE_SECONDS", 3600, high=DAY)
CACHE_TEMPLATES_SECONDS = env.integer("CACHE_TEMPLATES_SECONDS", DAY, high=DAY)
CACHE_NUMBERS_SECONDS = env.integer("CACHE_NUMBERS_SECONDS", 300, high=DAY)
CACHE_CONTENT_SECONDS = env.integer("CACHE_CONTENT_SECONDS", DAY // 2, high=DAY)
