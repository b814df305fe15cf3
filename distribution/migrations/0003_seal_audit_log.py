"""The audit log cannot be edited: the database itself refuses it."""

from __future__ import annotations

from django.db import migrations

from subscribers.append_only import seal


class Migration(migrations.Migration):
    dependencies = [
        ("distribution", "0002_seal_evidence"),
        ("admin", "0003_logentry_add_action_flag_choices"),
    ]
    operations = [seal("django_admin_log")]
