"""Reports touch no index of the deliveries, and find room in the page of the row that they change."""

from __future__ import annotations

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# Of the table, or of its partitions: the parent of those has no storage. Pages written before stay
# as full as they are.
STORAGE = """
DO $$
DECLARE part regclass;
BEGIN
    FOR part IN
        SELECT relid FROM pg_partition_tree('distribution_delivery') WHERE isleaf
        UNION SELECT oid FROM pg_class
               WHERE oid = 'distribution_delivery'::regclass AND relkind = 'r'
    LOOP
        EXECUTE format('ALTER TABLE %s {setting}', part);
    END LOOP;
END $$
"""


def leave_room(_apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(STORAGE.replace("{setting}", "SET (fillfactor = 70)"), None)


def fill_pages(_apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(STORAGE.replace("{setting}", "RESET (fillfactor)"), None)


class Migration(migrations.Migration):
    dependencies = [("distribution", "0041_audience_slices")]

    # New ones first: while they are made, pages still read. The others go in a moment.
    operations = [
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                fields=["distribution", "lease_until"],
                condition=models.Q(state__in=["CLAIMED", "INFLIGHT"]),
                name="delivery_in_hand",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                fields=["distribution", "unknown_at"],
                condition=models.Q(state="UNKNOWN"),
                name="delivery_unanswered",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                fields=["distribution", "state", "reason"],
                condition=models.Q(state__in=["HELD", "FAILED", "SKIPPED", "UNCONFIRMED"]),
                name="delivery_unusual",
            ),
        ),
        migrations.RemoveIndex(model_name="delivery", name="delivery_board"),
        migrations.RemoveIndex(model_name="delivery", name="delivery_delivered"),
        migrations.RemoveIndex(model_name="delivery", name="delivery_leased"),
        migrations.RemoveIndex(model_name="delivery", name="delivery_unknown"),
        migrations.RunPython(leave_room, fill_pages),
    ]
