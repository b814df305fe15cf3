"""Functions of the tables' owner that make and drop partitions: the application owns no table.

Made by the conversion. With a search path of their own, nobody can put another table in the way.
Whoever may call them is decided where roles are made: deploy/postgres/roles.sql.
"""

from __future__ import annotations

# A table is made and attached: CREATE TABLE … PARTITION OF would wait for every reader of
# deliveries, and make them wait. Storage parameters are those of the partition before.
MAKE = """
CREATE OR REPLACE FUNCTION make_delivery_partition(first bigint, below bigint) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made text := 'distribution_delivery_' || first;
    storage text;
BEGIN
    IF to_regclass('public.' || made) IS NOT NULL THEN
        RETURN made;
    END IF;
    SELECT array_to_string(child.reloptions, ', ') INTO storage
      FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
     WHERE inhparent = 'public.distribution_delivery'::regclass
     ORDER BY child.oid DESC LIMIT 1;
    EXECUTE format(
        'CREATE TABLE public.%I (LIKE public.distribution_delivery INCLUDING DEFAULTS '
        'INCLUDING CONSTRAINTS INCLUDING STORAGE INCLUDING COMPRESSION)', made)
        || COALESCE(' WITH (' || NULLIF(storage, '') || ')', '');
    EXECUTE format(
        'ALTER TABLE public.distribution_delivery ATTACH PARTITION public.%I '
        'FOR VALUES FROM (%s) TO (%s)', made, first, below);
    RETURN made;
END $$
"""

DROP = """
CREATE OR REPLACE FUNCTION drop_delivery_partition(made text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
         WHERE inhparent = 'public.distribution_delivery'::regclass AND child.relname = made
    ) THEN
        RAISE EXCEPTION USING MESSAGE = made || ' is no partition of deliveries',
            ERRCODE = 'undefined_table';
    END IF;
    EXECUTE format('ALTER TABLE public.distribution_delivery DETACH PARTITION public.%I', made);
    EXECUTE format('DROP TABLE public.%I', made);
END $$
"""

ALL = (MAKE, DROP)
