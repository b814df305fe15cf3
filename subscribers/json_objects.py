"""A condition of the database: a JSON value is an object."""

from __future__ import annotations

from typing import Any

from django.db.models import BooleanField, Func


class IsObject(Func):
    """Whether a JSON column holds an object: not null, a list, a text or a number."""

    output_field = BooleanField()
    conditional = True

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(
            compiler, connection, template="jsonb_typeof(%(expressions)s) = 'object'", **context
        )

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(
            compiler, connection, template="json_type(%(expressions)s) = 'object'", **context
        )
