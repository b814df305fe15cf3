"""The words that people agreed to, as somebody typed them, may name the person: erasable, too."""

from __future__ import annotations

from django.db import migrations

from evidence.sealing import reseal


class Migration(migrations.Migration):
    dependencies = [
        ("evidence", "0002_seal_tables"),
        ("subscribers", "0012_searched_webhooks"),
    ]
    operations = [
        reseal("subscribers_consentevent", ("source", "evidence", "notice", "actor")),
    ]
