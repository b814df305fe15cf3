"""Rows by a long list of keys, which travels as one value.

Django writes a value of `IN` for each key, which takes longer to put together than to find the
rows: 1,000 keys cost 6 ms.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, F, Func
from django.db.models.sql.compiler import SQLCompiler

Sql = tuple[str, tuple[Any, ...]]


class Among(Func):
    """Whether a column has one of these values; for `filter()`."""

    output_field = BooleanField()

    def __init__(self, column: str, values: Collection[int] | Collection[str]) -> None:
        super().__init__(F(column))
        self._values = list(values)

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Sql:  # noqa: ARG002
        kind = "text" if any(isinstance(value, str) for value in self._values) else "bigint"
        return self._among(compiler, f"unnest(%s::{kind}[])", self._values)

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any) -> Sql:  # noqa: ARG002
        return self._among(compiler, "value FROM json_each(%s)", json.dumps(self._values))

    def _among(self, compiler: SQLCompiler, source: str, values: object) -> Sql:
        column, parameters = compiler.compile(self.source_expressions[0])
        return f"{column} IN (SELECT {source})", (*parameters, values)
