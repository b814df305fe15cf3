"""TRUNCATE is refused, too; erasure may blank personal columns; the links are sealed themselves."""

from __future__ import annotations

from django.db import migrations

from evidence.sealing import reseal, seal


class Migration(migrations.Migration):
    dependencies = [
        ("evidence", "0001_create_chains"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("distribution", "0015_approved_ttl"),
        ("phonepool", "0003_configured_account"),
        ("subscribers", "0010_erased_stops_and_moves"),
    ]
    operations = [
        reseal("subscribers_consentevent", ("source", "evidence", "actor")),
        reseal("django_admin_log", ("object_repr", "change_message")),
        reseal("distribution_approval", ("reason",)),
        reseal("distribution_attempt", ("details",)),
        reseal("distribution_verdict", ("reason", "evidence")),
        reseal("phonepool_phoneevent"),
        seal("evidence_chainlink"),
    ]
