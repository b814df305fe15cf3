"""Lists that are read from the database replica, if one is configured."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import Model
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from distribution.runtime import replica

Row = TypeVar("Row", bound=Model)


class ReplicaList(ListAPIView[Row]):
    """A list whose pages may be as old as the replica's lag."""

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One page; its queries are evaluated inside the call, as the replica router requires."""
        return replica.read_from_replica(lambda: self.page(request, *args, **kwargs))

    def page(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)
