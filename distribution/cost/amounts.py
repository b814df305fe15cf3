"""Sums of money that are exact on every database."""

from __future__ import annotations

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Sum
from django.db.models.sql.compiler import SQLCompiler

PLACES = 6  # of every stored amount


class AmountSum(Sum):
    """SQLite adds binary fractions: thirty days of 0.115 and 0.8631 came to 89.9743999999999."""

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, Any]:
        sql, params = self.as_sql(compiler, connection, **extra)
        return f"ROUND({sql}, {PLACES})", params
