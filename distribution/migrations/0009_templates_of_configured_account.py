"""All templates so far were fetched from the account of WHATSAPP_BUSINESS_ID."""

from __future__ import annotations

from django.conf import settings
from django.db import migrations


def assign(apps, schema_editor):
    database = schema_editor.connection.alias
    wabas = apps.get_model("phonepool", "Waba").objects.using(database)
    waba = wabas.filter(meta_id=settings.WHATSAPP_BUSINESS_ID).first()
    if waba is not None:
        templates = apps.get_model("distribution", "MessageTemplate").objects.using(database)
        templates.filter(waba=None).update(waba=waba)


class Migration(migrations.Migration):
    dependencies = [
        ("distribution", "0008_template_facts"),
        ("phonepool", "0003_configured_account"),
    ]
    operations = [migrations.RunPython(assign, migrations.RunPython.noop)]
