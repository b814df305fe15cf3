"""The tables, columns, constraints, indexes, triggers and functions of a database, as lines.

The order of columns says nothing. A name that Django or PostgreSQL made up is written as `*`, so
that only its definition counts; a name that we gave counts. Other packages' tables are left
out, but not our triggers on them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from django.apps import apps

from tests.snapshot.surface import our_apps

Ask = Callable[[str], list[tuple[Any, ...]]]
# Django ends its own names in a hash; PostgreSQL names keys and unnamed checks by their columns.
MADE_UP = re.compile(r".+(_[0-9a-f]{8}(_uniq|_like|_fk|_fk_.+)?|_pkey|_key|_check)")
COLUMNS = """
    SELECT table_name, column_name, format_type(atttypid, atttypmod), collation_name,
           CASE is_nullable WHEN 'NO' THEN 'NOT NULL' ELSE 'NULL' END,
           'DEFAULT ' || column_default, 'IDENTITY ' || identity_generation,
           'GENERATED ' || generation_expression
    FROM information_schema.columns JOIN pg_attribute
      ON attrelid = quote_ident(table_name)::regclass AND attname = column_name
    WHERE table_schema = 'public'"""
CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace"""
INDEXES = """
    SELECT indrelid::regclass::text, indexrelid::regclass::text, pg_get_indexdef(indexrelid)
    FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE relnamespace = 'public'::regnamespace
      AND indexrelid NOT IN (SELECT conindid FROM pg_constraint)"""
TRIGGERS = """
    SELECT tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger
    WHERE NOT tgisinternal"""
FUNCTIONS = """
    SELECT proname, pg_get_functiondef(pg_proc.oid) FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace AND NOT EXISTS (
        SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')"""
VIEWS = "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'"
EXTENSIONS = "SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'"


def on_postgresql(ask: Ask) -> list[str]:
    lines = [
        f"{table}: column {' '.join(str(one) for one in (name, *told) if one is not None)}"
        for table, name, *told in ask(COLUMNS)
    ]
    for kind, query in (("constraint", CONSTRAINTS), ("index", INDEXES)):
        lines += [
            f"{table}: {kind} {_given(name)} {definition.replace(name, _given(name))}"
            for table, name, definition in ask(query)
        ]
    others = _not_ours()
    lines = [line for line in lines if line.partition(":")[0] not in others]
    lines += [f"{table}: trigger {definition}" for table, definition in ask(TRIGGERS)]
    lines += [f"function {name}: {definition}" for name, definition in ask(FUNCTIONS)]
    lines += [f"view {name}: {definition}" for name, definition in ask(VIEWS)]
    return _tidy(lines + [f"extension {name}" for (name,) in ask(EXTENSIONS)])


def on_sqlite(ask: Ask) -> list[str]:
    lines, others = [], _not_ours()
    for kind, name, table, text in ask("SELECT type, name, tbl_name, sql FROM sqlite_master"):
        if text is None or name.startswith("sqlite_") or (kind != "trigger" and table in others):
            continue
        if kind == "table":
            body = text[text.index("(") + 1 : text.rindex(")")]
            lines += [f"{table}: {_part(part)}" for part in _parts(body)]
        else:
            lines.append(f"{table}: {kind} {text.replace(name, _given(name))}")
    return _tidy(lines)


def _part(text: str) -> str:
    """A column or a constraint of a table, as CREATE TABLE says it."""
    named = re.match(r'\s*CONSTRAINT "(\w+)"', text)
    return text.replace(named[1], _given(named[1])) if named else f"column {text}"


def _parts(body: str) -> Iterator[str]:
    """Cut at the commas that stand in no bracket and no quotes."""
    depth, part = 0, ""
    for piece in re.findall(r"'(?:[^']|'')*'|\"[^\"]*\"|.", body, re.DOTALL):
        depth += (piece == "(") - (piece == ")")
        if piece == "," and depth == 0:
            yield part
            part = ""
        else:
            part += piece
    yield part


def _given(name: str) -> str:
    """The name if a person gave it."""
    named = {
        one.name
        for model in apps.get_models()
        for one in (*model._meta.constraints, *model._meta.indexes)
    }
    return "*" if name not in named and MADE_UP.fullmatch(name) else name


def _not_ours() -> set[str]:
    ours = {app.label for app in our_apps()}
    models = apps.get_models(include_auto_created=True)
    others = {one._meta.db_table for one in models if one._meta.app_label not in ours}
    return others | {"django_migrations"}


def _tidy(lines: list[str]) -> list[str]:
    return sorted(re.sub(r"\s+", " ", line).strip() for line in lines)
