"""A client for requests that nobody means: it tells which of them broke, instead of raising."""

from __future__ import annotations

import sys
import warnings
from collections import defaultdict
from typing import Any

from django.contrib.auth.models import User
from django.core.signals import got_request_exception
from django.db import transaction
from django.test import Client

SHOWN = 120  # characters of an address, an error


class Asking:
    """Requests by a superuser, each in a transaction of its own that is taken back."""

    def __init__(self) -> None:
        self.client = Client(raise_request_exception=False)
        self.client.force_login(User.objects.create_superuser("root"))
        self.broken: dict[str, list[str]] = defaultdict(list)  # error → requests
        self.statuses: set[int] = set()
        self._error = ""
        got_request_exception.connect(self._keep_error)

    def _keep_error(self, **_: Any) -> None:
        self._error = repr(sys.exc_info()[1])[:SHOWN]

    def ask(self, method: str, url: str, **sent: Any) -> int:
        """The status of the answer; a 500 is kept in `broken`."""
        self._error = ""
        try:
            with transaction.atomic(), warnings.catch_warnings():
                # Django's filters of dates read a day without a zone, and say so.
                warnings.filterwarnings("ignore", "DateTimeField .* received a naive datetime")
                answer = getattr(self.client, method)(url, **sent)
                if getattr(answer, "streaming", False):
                    b"".join(answer.streaming_content)
                transaction.set_rollback(True)
        except Exception as error:  # of a streamed answer, or outside of Django's handler
            self.broken[repr(error)[:SHOWN]].append(f"{method} {url[:SHOWN]} {str(sent)[:SHOWN]}")
            return 500
        if answer.status_code == 500:
            request = f"{method} {url[:SHOWN]} {str(sent)[:SHOWN]}"
            self.broken[self._error or "500"].append(request)
        self.statuses.add(answer.status_code)
        return int(answer.status_code)

    def verdict(self) -> dict[str, tuple[int, list[str]]]:
        """Error → how many requests, and the first of them."""
        return {error: (len(urls), urls[:3]) for error, urls in self.broken.items()}
