"""What PostgreSQL's catalogue says of a table: its keys, indexes, rights and who refers to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection

PARTITION_KEY = "distribution_id"


@dataclass(frozen=True, slots=True)
class Constraint:
    """A primary key or unique constraint."""

    name: str
    primary: bool
    columns: tuple[str, ...]

    @property
    def contains_key(self) -> bool:
        """Every key of a partitioned table contains what it is partitioned by."""
        return PARTITION_KEY in self.columns

    @property
    def with_partition_key(self) -> tuple[str, ...]:
        return self.columns if self.contains_key else (*self.columns, PARTITION_KEY)


@dataclass(frozen=True, slots=True)
class Shape:
    """A table as it is, with the statements that give another one the same."""

    rows: int  # as the statistics say
    owner: str
    owned: bool  # by the current user, directly or through a role
    keys: tuple[Constraint, ...]
    indexes: dict[str, str]  # definitions by name, without those of constraints
    foreign_keys: tuple[str, ...]
    grants: tuple[str, ...]
    referring: tuple[tuple[str, str], ...]  # table and name of each foreign key to it
    in_the_way: tuple[str, ...]  # views and triggers, which would stay with the old table


_TABLE = """
SELECT GREATEST(reltuples, pg_relation_size(oid) / 200)::bigint, pg_get_userbyid(relowner),
       pg_has_role(current_user, relowner, 'USAGE')
  FROM pg_class WHERE oid = %(table)s::regclass
"""
_KEYS = """
SELECT conname, contype = 'p',
       ARRAY(SELECT attname::text FROM unnest(conkey) WITH ORDINALITY AS k(no, place)
               JOIN pg_attribute ON attrelid = conrelid AND attnum = k.no ORDER BY place)
  FROM pg_constraint
 WHERE conrelid = %(table)s::regclass AND contype IN ('p', 'u') ORDER BY contype, conname
"""
_INDEXES = """
SELECT relname, pg_get_indexdef(indexrelid)
  FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
 WHERE indrelid = %(table)s::regclass AND relname NOT LIKE '%%\\_parted'
   AND NOT EXISTS (SELECT FROM pg_constraint
                    WHERE conindid = indexrelid AND conrelid = indrelid)
 ORDER BY relname
"""
_FOREIGN_KEYS = """
SELECT format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', conrelid::regclass, conname,
              pg_get_constraintdef(oid))
  FROM pg_constraint WHERE conrelid = %(table)s::regclass AND contype = 'f' ORDER BY conname
"""
_GRANTS = """
SELECT format('GRANT %%s ON %%s TO %%s', right_.privilege_type, pg_class.oid::regclass,
              CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END)
  FROM pg_class, aclexplode(relacl) AS right_
 WHERE pg_class.oid = %(table)s::regclass AND grantee <> relowner
"""
_REFERRING = """
SELECT conrelid::regclass::text, conname FROM pg_constraint
 WHERE confrelid = %(table)s::regclass AND contype = 'f' ORDER BY 1, 2
"""
_IN_THE_WAY = """
SELECT DISTINCT 'view ' || view.relname
  FROM pg_depend JOIN pg_rewrite ON pg_rewrite.oid = objid
  JOIN pg_class AS view ON view.oid = ev_class
 WHERE refclassid = 'pg_class'::regclass AND refobjid = %(table)s::regclass
   AND classid = 'pg_rewrite'::regclass
UNION ALL
SELECT 'trigger ' || tgname FROM pg_trigger WHERE tgrelid = %(table)s::regclass AND NOT tgisinternal
"""


def shape_of(table: str) -> Shape:
    """Read it, without a lock."""
    ((rows, owner, owned),) = _ask(_TABLE, table)
    return Shape(
        rows,
        owner,
        owned,
        keys=tuple(
            Constraint(name, primary, tuple(of)) for name, primary, of in _ask(_KEYS, table)
        ),
        indexes=dict(_ask(_INDEXES, table)),
        foreign_keys=tuple(text for (text,) in _ask(_FOREIGN_KEYS, table)),
        grants=tuple(text for (text,) in _ask(_GRANTS, table)),
        referring=tuple((where, name) for where, name in _ask(_REFERRING, table)),
        in_the_way=tuple(name for (name,) in _ask(_IN_THE_WAY, table)),
    )


def _ask(query: str, table: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, {"table": table})
        return list(cursor.fetchall())
