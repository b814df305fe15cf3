"""The site behind the webhooks' fast path, independent of `config/wsgi.py`."""

from __future__ import annotations

from django.core.wsgi import get_wsgi_application

from webhooks.receiving import fast_path

site = get_wsgi_application()
short_way = fast_path.serve_first(site)
