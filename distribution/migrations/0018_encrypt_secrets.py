"""What stands in clear is encrypted: secrets of event subscriptions, seeds of second factors. Spare
codes are hashed. The columns stay as they are."""

from typing import Any

from django.db import migrations

from distribution.models.encrypted import MARK, encrypt, hashes


def protect(apps: Any, _editor: Any) -> None:
    subscriptions = apps.get_model("distribution", "EventSubscription").objects.all()
    for row in subscriptions.only("pk", "secret", "former_secret"):
        for name in ("secret", "former_secret"):
            text = getattr(row, name)
            if text and not text.startswith(MARK):
                stored = encrypt(text.encode(), "event secret")
                subscriptions.filter(pk=row.pk).update(**{name: stored})
    devices = apps.get_model("otp_totp", "TOTPDevice").objects.all()
    for pk, seed in devices.values_list("pk", "key"):
        if not seed.startswith(MARK):
            stored = encrypt(bytes.fromhex(seed), "second factor")
            devices.filter(pk=pk).update(key=stored)
    codes = apps.get_model("otp_static", "StaticToken").objects.all()
    for pk, code in codes.values_list("pk", "token"):
        codes.filter(pk=pk).update(token=hashes(code)[0])


class Migration(migrations.Migration):
    dependencies = [
        ("distribution", "0017_portfolio_plan"),
        ("otp_totp", "0003_add_timestamps"),
        ("otp_static", "0003_add_timestamps"),
    ]

    operations = [migrations.RunPython(protect, migrations.RunPython.noop)]
