from __future__ import annotations

from typing import Any

from django.db import migrations, models
from django.db.models import F


def numbers_that_meta_told_of(apps: Any, _editor: Any) -> None:
    """What was read from Meta is verified; what never was has no quality that anybody knows."""
    numbers = apps.get_model("phonepool", "PhoneNumber").objects
    numbers.filter(seen_at__isnull=False).update(verified_at=F("seen_at"))
    numbers.filter(seen_at__isnull=True, quality="HIGH").update(quality="UNKNOWN")


class Migration(migrations.Migration):
    dependencies = [("phonepool", "0003_configured_account")]

    operations = [
        migrations.AddField(
            "phonenumber", "verified_at", models.DateTimeField(editable=False, null=True)
        ),
        migrations.AddField(
            "phonenumber",
            "verified_name",
            models.CharField(blank=True, default="", editable=False, max_length=160),
        ),
        migrations.AddField(
            "phonenumber",
            "meta_answer",
            models.CharField(blank=True, default="", editable=False, max_length=300),
        ),
        migrations.AlterField(
            "phonenumber",
            "quality",
            models.CharField(
                choices=[
                    ("HIGH", "High"),
                    ("MEDIUM", "Medium"),
                    ("LOW", "Low"),
                    ("FLAGGED", "Flagged"),
                    ("UNKNOWN", "Unknown"),
                ],
                default="UNKNOWN",
                max_length=8,
            ),
        ),
        migrations.AlterField(
            "phonenumber",
            "state",
            models.CharField(
                choices=[
                    ("ACTIVE", "Active"),
                    ("STANDBY", "Standby"),
                    ("RESTING", "Paused"),
                    ("DISABLED", "Disabled"),
                ],
                default="ACTIVE",
                max_length=8,
            ),
        ),
        migrations.AlterModelOptions(
            "phonenumber",
            {
                "ordering": ["role", "label"],
                "permissions": [
                    ("manage_phonenumber", "Can rest, enable, disable and promote phone numbers"),
                    ("sync_phonenumber", "Can sync the phone numbers with Meta"),
                ],
            },
        ),
        migrations.RunPython(numbers_that_meta_told_of, migrations.RunPython.noop),
    ]
