"""Installed apps, middleware in its order, authentication."""

from __future__ import annotations

INSTALLED_APPS = [
    "config",
    "webhooks",
    "distribution",
    "phonepool",
    "subscribers",
    "evidence",
    "django_celery_beat",
    "django_prometheus",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "unfold.apps.BasicAppConfig",  # before the admin, whose templates it replaces
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "axes",
    "csp",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "config.staff.site.AdminConfig",  # config/urls.py loads the pages
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "config.web.request_ids.RequestIds",
    "config.web.long_requests.LongRequests",
    "config.web.headers.RefusePlainHttp",
    "django.middleware.security.SecurityMiddleware",
    "config.web.headers.ContentPolicy",
    "config.web.static_files.StaticFilesMiddleware",
    "config.web.few_waiting.FewWaiting",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "config.staff.known_devices.KnownDevices",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "config.staff.arrivals.Arrivals",
    "config.staff.parts.PartsOnly",
    "config.staff.kept_forms.KeepForms",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.staff.sessions.SessionLimits",
    "django_otp.middleware.OTPMiddleware",
    "config.staff.second_factor.SecondFactorGate",
    "config.staff.audit_log.RequestContext",
    "config.web.few_uploads.FewUploads",
    "django.contrib.messages.middleware.MessageMiddleware",
    "config.staff.confirmation.Confirmation",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.web.readable_addresses.ReadableAddresses",
    "distribution.api.http.middleware.ApiMiddleware",
    "config.web.unknown_callers.UnknownCallers",
    "axes.middleware.AxesMiddleware",
]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 15},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
