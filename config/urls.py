from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from config.admin import preflight, setup
from config.monitoring import endpoints
from config.staff import password_reset, search, second_factor, sessions
from config.web import status_page
from distribution.alert_channels import views
from distribution.api.document.views import without_token

admin.autodiscover()
urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="root"),
    path("admin/second-factor/", second_factor.enter_code, name="second_factor"),
    path("admin/second-factor/set-up/", second_factor.set_up, name="second_factor_set_up"),
    path("admin/reset-password/", password_reset.ask, name=password_reset.ASK),
    path("admin/reset-password/sent/", password_reset.sent, name=password_reset.SENT),
    path(
        "admin/reset-password/<uidb64>/<token>/",
        password_reset.Confirm.as_view(),
        name=password_reset.CONFIRM,
    ),
    path("admin/signed-in/", admin.site.admin_view(sessions.signed_in), name="signed_in"),
    path("admin/setup/", setup.page, name="setup"),
    path("admin/setup/numbers/", setup.numbers, name="setup_numbers"),
    path("admin/setup/webhook/", setup.webhook, name="setup_webhook"),
    path("admin/setup/test/", setup.test, name="setup_test"),
    path("admin/preflight/", preflight.page, name="preflight"),
    path("admin/preflight/start/", preflight.start, name="preflight_start"),
    path("admin/system-status/", setup.status, name="system_status"),
    path("admin/search/", admin.site.admin_view(search.view), name="find"),  # instead of Unfold's
    path("admin/", admin.site.urls),
    path("dashboard/", include("distribution.urls")),
    path("health/live", endpoints.live),
    path("health/ready", endpoints.ready),
    path("status", status_page.page, name="public_status"),
    path("status.json", status_page.document, name="public_status_json"),
    path("metrics", endpoints.metrics),
    path("webhooks/", include("webhooks.urls")),
    path("alerts/acknowledge/<str:token>/", views.acknowledge, name="alert_acknowledge"),
    path("alerts/pagerduty/<str:pk>/", views.pagerduty, name="alert_pagerduty"),
    path("api", without_token, {"page": "index"}, name="api_index"),
    path("api/", include("config.api.urls")),
]
handler400 = "config.web.error_pages.bad_request"
handler404 = "distribution.api.http.problems.not_found"
handler500 = "config.web.error_pages.server_error"
