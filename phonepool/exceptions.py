"""The exceptions of the Cloud API's client, the only ones it raises.

CloudApiError
  NotSent      no byte of the request left; it may be tried again at once
  Rejected     the Cloud API answered that it did not process the request
  Unanswered   bytes left and no usable response came: the result is unknown
"""

from __future__ import annotations

from phonepool.errors import Failure
from phonepool.masking import masked


class CloudApiError(Exception):
    """The Cloud API gave no result. The text never holds a token or a full phone number."""

    def __init__(self, failure: Failure, details: str = "") -> None:
        self.failure = failure
        self.details = masked(details)
        super().__init__(failure, self.details)

    def __str__(self) -> str:
        return f"{self.failure.slug}: {self.details}" if self.details else self.failure.slug


class NotSent(CloudApiError):  # noqa: N818 - named like the outcome
    """No byte of the request left this machine."""


class Unanswered(CloudApiError):  # noqa: N818
    """The request, or a part of it, left this machine; the result is unknown."""


class Rejected(CloudApiError):  # noqa: N818
    """The Cloud API refused the request and did not process it."""

    def __init__(
        self,
        failure: Failure,
        details: str = "",
        code: int | None = None,
        http_status: int | None = None,
        fbtrace_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(failure, details)
        self.code, self.http_status = code, http_status
        self.fbtrace_id, self.retry_after = fbtrace_id, retry_after
        self.args = (failure, self.details, code, http_status, fbtrace_id, retry_after)

    def __str__(self) -> str:
        return f"{super().__str__()} (code {self.code}, trace {self.fbtrace_id or 'none'})"
