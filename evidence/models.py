"""The hash chains over the tables of evidence: one link per row, in the order of the rows' ids."""

from __future__ import annotations

from django.db import models


class ChainHead(models.Model):
    """How far one chain goes. Locked by whoever appends links or erases what they cover."""

    chain = models.PositiveSmallIntegerField(primary_key=True)  # `chains.Chain.number`
    row_id = models.BigIntegerField(default=0)  # of the last link
    links = models.BigIntegerField(default=0)
    digest = models.BinaryField(max_length=32)

    class Meta:
        default_permissions = ()  # shown by `check_integrity` only

    def __str__(self) -> str:
        return f"chain {self.chain} through row {self.row_id}"


class ChainLink(models.Model):
    """One row as it was when the keeper found it committed. Sealed: never changed or removed."""

    chain = models.PositiveSmallIntegerField()
    row_id = models.BigIntegerField()
    layout = models.PositiveSmallIntegerField()  # which columns went in: `chains.Chain.layouts`
    personal = models.BinaryField()  # 16 bytes for each personal column: its salted hash
    row_digest = models.BinaryField(max_length=32)  # of the plain columns and of `personal`
    previous = models.BinaryField(max_length=32)  # the digest of the link before
    digest = models.BinaryField(max_length=32)  # of `previous` and `row_digest`

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["chain", "row_id"], name="chainlink_once"),
        ]
        default_permissions = ()

    def __str__(self) -> str:
        return f"link of row {self.row_id} in chain {self.chain}"


class ChainSalt(models.Model):
    """The salts of a link's personal columns, 16 bytes each; zeros once a value was erased.

    Without its salt a hash says nothing about the value, however short that was.
    """

    link = models.OneToOneField(ChainLink, models.PROTECT, primary_key=True, related_name="salt")
    values = models.BinaryField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"salts of link {self.link_id}"
