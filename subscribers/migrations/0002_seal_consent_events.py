"""Consent events cannot be edited: the database itself refuses it."""

from __future__ import annotations

from django.db import migrations

from subscribers.append_only import seal


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0001_create_subscribers")]
    operations = [seal("subscribers_consentevent")]
