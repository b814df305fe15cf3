from __future__ import annotations

from django.urls import path

from distribution.reporting import dashboard

app_name = "dashboard"
urlpatterns = [
    path("", dashboard.page, name="page"),
    path("board/", dashboard.fragment, name="board"),
]
