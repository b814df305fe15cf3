"""The web process's entry point: `granian --interface wsgi config.wsgi:application`."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

from webhooks.door import beside

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = beside(get_wsgi_application())
