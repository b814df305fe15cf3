"""The tables of django-otp keep no second factor in clear: seeds are encrypted, spare codes hashed.

Its models stay as they are; only how two columns are read and written changes. Their types do not,
so no migration of that package is touched.
"""

from __future__ import annotations

from django.db.models import Field
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from distribution.models.encrypted import EncryptedField, HashedField


class SeedField(EncryptedField):
    purpose = "second factor"
    is_hex = True


def encrypt_columns() -> None:
    """Called once, when all models are loaded."""
    for model, name, kind in ((TOTPDevice, "key", SeedField), (StaticToken, "token", HashedField)):
        field: Field = model._meta.get_field(name)  # type: ignore[type-arg]
        field.__class__ = kind
