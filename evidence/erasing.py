"""Erasure of personal values in chained tables, so that the chain still verifies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import models, transaction
from django.db.models import F, Value
from django.db.models.functions import Cast, Concat

from evidence import digests
from evidence.chains import Chain, chain_of
from evidence.models import ChainHead, ChainSalt

ROWS_LIMIT = 500  # in one statement: SQLite takes 1,000 parameters of old


def erase(label: str, row_ids: Iterable[int], columns: Sequence[str] = ()) -> int:
    """Blank personal columns of these rows of a chained model ("app.Model") and delete their
    salts; how many rows. Without `columns` all that are personal; ValueError for any other.

    A text becomes "erased:" and the row's id, an object {"erased": id}; the table's seal lets
    exactly that pass. What was hashed cannot be found again, not even by trying every phone number.
    """
    chain = chain_of(label)
    chosen = tuple(columns) or chain.layout.personal
    if unknown := set(chosen) - set(chain.layout.personal):
        raise ValueError(f"{label}: {sorted(unknown)} are no personal columns.")
    ids = sorted(set(row_ids))
    with transaction.atomic():
        # Held against the keeper, which would otherwise chain the old value just now.
        ChainHead.objects.get_or_create(
            chain=chain.number, defaults={"digest": digests.genesis(chain.table)}
        )
        list(ChainHead.objects.select_for_update().filter(pk=chain.number))
        return sum(
            _erase(chain, ids[start : start + ROWS_LIMIT], chosen)
            for start in range(0, len(ids), ROWS_LIMIT)
        )


def _erase(chain: Chain, ids: list[int], columns: Sequence[str]) -> int:
    rows: models.QuerySet[models.Model] = models.QuerySet(model=chain.model).filter(
        pk__in=ids
    )  # append-only managers refuse
    text = Concat(Value(digests.ERASED), Cast(F("pk"), models.CharField(max_length=20)))
    objects = [column for column in columns if _is_object(chain, column)]
    texts = [column for column in columns if column not in objects]
    erased = rows.update(**dict.fromkeys(texts, text)) if texts else rows.count()
    if objects:
        for row_id in rows.values_list("pk", flat=True):
            rows.filter(pk=row_id).update(**{name: {"erased": row_id} for name in objects})
    salts = ChainSalt.objects.filter(link__chain=chain.number, link__row_id__in=ids)
    for salt in salts.select_related("link"):
        personal = chain.layouts[salt.link.layout - 1].personal
        kept = digests.parts(bytes(salt.values))
        salt.values = b"".join(
            digests.ERASED_SALT if column in columns else old
            for column, old in zip(personal, kept, strict=True)
        )
        salt.save(update_fields=["values"])
    return erased


def _is_object(chain: Chain, column: str) -> bool:
    return isinstance(chain.model._meta.get_field(column), models.JSONField)
