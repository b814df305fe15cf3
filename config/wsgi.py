"""The web process's entry point: `granian --interface wsgi config.wsgi:application`."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application
from django.utils.module_loading import import_string

from config.processes.garbage import collect_seldom
from webhooks.receiving.fast_path import serve_first

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = serve_first(get_wsgi_application())
# By name: they need the models, which are loaded only now.
import_string("config.urls.urlpatterns")  # before the first request, which would wait for it
import_string("webhooks.receiving.presence.start")("web")
collect_seldom()
