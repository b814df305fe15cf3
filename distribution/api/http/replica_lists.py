"""Lists that may be read from the database's copy, where there is one."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import Model
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from distribution.runtime import replica

Row = TypeVar("Row", bound=Model)


class CopiedList(ListAPIView[Row]):
    """A list whose pages may lag behind by as much as the copy does."""

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One page; it is read whole in here."""
        return replica.read_from_replica(lambda: self.page(request, *args, **kwargs))

    def page(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)
