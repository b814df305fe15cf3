"""`manage.py reencrypt`: the last step before a key leaves FIELD_ENCRYPTION_KEYS."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand
from django.db import transaction
from django.db.models import CharField, Value
from django.db.models.functions import Concat
from django_otp.plugins.otp_static.models import StaticToken

from distribution.models.encrypted import MARK, EncryptedField, hashes, key_name

OLD_CODES = (
    "{} recovery codes of {} were made with another key. They stop working when it is removed."
)


class Command(BaseCommand):
    help = "Encrypt stored secrets with the first key of FIELD_ENCRYPTION_KEYS."

    def handle(self, *_: Any, **__: Any) -> None:
        count = sum(
            _reencrypt(model, field)
            for model in apps.get_models()
            for field in model._meta.get_fields()
            if isinstance(field, EncryptedField)
        )
        self.stdout.write(f"{count} secrets are now encrypted with key {key_name()}.")
        codes = StaticToken.objects.annotate(stored=_stored("token"))
        old = codes.exclude(stored__startswith=hashes("")[0][0])
        names = sorted(set(old.values_list("device__user__username", flat=True)))
        if names:
            self.stdout.write(OLD_CODES.format(old.count(), ", ".join(names)))


def _stored(column: str) -> Concat:
    """The column as it is stored, past the field that would decrypt it."""
    return Concat(column, Value(""), output_field=CharField())


@transaction.atomic
def _reencrypt(model: Any, field: EncryptedField) -> int:
    """Rows that name another key, or none, as they are written now; how many."""
    rows = model._default_manager.annotate(stored=_stored(field.name)).exclude(stored="")
    old = rows.exclude(stored__startswith=f"{MARK}{key_name()}.").select_for_update()
    for row in old:
        row.save(update_fields=[field.name])
    return len(old)
