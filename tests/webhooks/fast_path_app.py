"""The site with the webhooks' short way in, whatever `config/wsgi.py` does."""

from __future__ import annotations

from django.core.wsgi import get_wsgi_application

from webhooks.receiving import fast_path

site = get_wsgi_application()
short_way = fast_path.wrap(site)
