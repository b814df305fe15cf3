"""Records that are written once: the model. The database's own refusal: `evidence/sealing.py`.

Python refuses first, with a sentence; the triggers refuse what never passes through its models.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn, TypeVar

from django.db import models

from evidence.sealing import seal as seal  # migrations look for these two here
from evidence.sealing import unseal as unseal

Record = TypeVar("Record", bound=models.Model, covariant=True)


class AppendOnlyError(TypeError):
    """Refuses to change or remove a record that is evidence."""


class AppendOnlyQuerySet(models.QuerySet[Record]):
    """Reads and inserts; everything else is refused."""

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise AppendOnlyError(f"{self.model.__name__} is append-only: add a new record instead.")

    update = delete = bulk_update = update_or_create = _refuse

    def bulk_create(self, objs: Iterable[Record], *args: Any, **kwargs: Any) -> list[Record]:
        if kwargs.get("update_conflicts"):
            self._refuse()
        return super().bulk_create(objs, *args, **kwargs)


class AppendOnly(models.Model):
    """Base of evidence tables. Their foreign keys should PROTECT, for a cascade is a delete."""

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *_: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnlyError(f"{self!r} is append-only: add a new record instead.")
        # Without force_insert a key that exists already would turn this into an UPDATE.
        super().save(force_insert=True, using=kwargs.get("using"))

    def delete(self, *_: Any, **__: Any) -> NoReturn:
        raise AppendOnlyError(f"{self!r} is append-only and stays.")
