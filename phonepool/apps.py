from __future__ import annotations

from django.apps import AppConfig


class PhonePoolConfig(AppConfig):
    name = "phonepool"
    verbose_name = "Phone pool"
    default_auto_field = "django.db.models.BigAutoField"
