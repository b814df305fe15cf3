"""The one public address of this app."""

from __future__ import annotations

from django.urls import re_path

from webhooks import views

# With and without the slash: a POST must not depend on a redirect that would lose its body.
urlpatterns = [re_path(r"^whatsapp/?\Z", views.whatsapp, name="whatsapp-webhook")]
