"""A mail server that fails as a test says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.core.mail.backends.locmem import EmailBackend


class Server(EmailBackend):
    """A mail server that fails as the test says, then works."""

    failures: ClassVar[list[Exception]] = []
    on_open: ClassVar[list[Exception]] = []
    before: ClassVar[Callable[[], object]] = staticmethod(lambda: None)

    def open(self) -> bool:
        if self.on_open:
            raise self.on_open.pop(0)
        return True

    def send_messages(self, messages: Any) -> int:
        type(self).before()
        if self.failures:
            raise self.failures.pop(0)
        return super().send_messages(messages)
