"""Create the row of WHATSAPP_BUSINESS_ID and give it the numbers of its portfolio."""

from __future__ import annotations

from django.conf import settings
from django.db import migrations


def create(apps, schema_editor):
    database = schema_editor.connection.alias
    portfolio = apps.get_model("phonepool", "Portfolio").objects.using(database).first()
    if not settings.WHATSAPP_BUSINESS_ID or portfolio is None:
        return
    waba, _ = (
        apps.get_model("phonepool", "Waba")
        .objects.using(database)
        .get_or_create(
            meta_id=settings.WHATSAPP_BUSINESS_ID, defaults={"portfolio_id": portfolio.pk}
        )
    )
    numbers = apps.get_model("phonepool", "PhoneNumber").objects.using(database)
    numbers.filter(portfolio_id=waba.portfolio_id, waba=None).update(waba=waba)


class Migration(migrations.Migration):
    dependencies = [("phonepool", "0002_accounts")]
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
