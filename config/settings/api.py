"""Settings of REST framework and of the OpenAPI document. The API itself is distribution/api."""

from __future__ import annotations

HERE = "distribution.api"
API_VERSION = "1"  # a breaking change makes another, under a path of its own: docs/api.md

REST_FRAMEWORK: dict[str, object] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        f"{HERE}.auth.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        f"{HERE}.auth.scopes.ScopeNeeded",
        f"{HERE}.http.parameters.KnownParameters",
    ],
    "DEFAULT_THROTTLE_CLASSES": [f"{HERE}.auth.scopes.ScopeThrottle"],
    "DEFAULT_PARSER_CLASSES": [f"{HERE}.http.parsing.LimitedJsonParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_FILTER_BACKENDS": [f"{HERE}.http.parameters.FilterBackend"],
    "DEFAULT_PAGINATION_CLASS": f"{HERE}.http.paging.CursorPages",
    "DEFAULT_SCHEMA_CLASS": f"{HERE}.document.schema.ApiSchema",
    "DEFAULT_METADATA_CLASS": None,  # OPTIONS describes nothing: the document does
    "EXCEPTION_HANDLER": f"{HERE}.http.problems.handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "URL_FORMAT_OVERRIDE": None,
}

DESCRIPTION = """\
Submit content, keep subscribers in sync, start and follow distributions, read analytics.

Send `Authorization: Bearer dbk_…`. Every token has scopes, and each operation names the scope it
needs. Every POST that creates something needs an `Idempotency-Key`, so it can be repeated safely.
Errors are problem details (RFC 9457) with a stable `code` and a sentence that says what to do.
`GET /api` lists all operations.
"""

# The chapters of the document, in their order. `distribution/api/document/schema.py` assigns
# operations to them.
TAGS = [
    {"name": "distributions", "description": "Start, follow, pause, retry and cancel."},
    {"name": "schedule", "description": "Daily time, blackout dates, one-time distributions."},
    {"name": "content", "description": "Messages and the templates that carry them."},
    {"name": "subscribers", "description": "Recipients and the proof of their consent."},
    {"name": "analytics", "description": "Results by day, tier, number, template and hour."},
    {"name": "system", "description": "Health, queues, phone numbers and alerts."},
    {"name": "events", "description": "What Daybreak posts to other systems."},
]

SPECTACULAR_SETTINGS: dict[str, object] = {
    "TITLE": "Daybreak",
    "DESCRIPTION": DESCRIPTION,
    "VERSION": f"{API_VERSION}.0.0",
    "OAS_VERSION": "3.1.0",
    # Relative to the address that the document was read from: true on every installation.
    "SERVERS": [{"url": "/", "description": "The installation that serves this document"}],
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": r"/api/",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "SORT_OPERATIONS": True,
    "TAGS": TAGS,
    "WEBHOOKS": f"{HERE}.document.events.WEBHOOKS",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        f"{HERE}.document.schema.drop_column_limits",
        f"{HERE}.document.headers.add_headers",
        f"{HERE}.document.examples.filling.fill",
    ],
    # Fields of the same name with different choices: each set gets its own name.
    "ENUM_NAME_OVERRIDES": {
        "DeliveryState": "distribution.models.deliveries.State",
        "DistributionState": "distribution.models.distributions.DistributionState",
        "ContentState": "distribution.models.content.ContentState",
        "TemplateStatus": "distribution.models.content.TemplateStatus",
        "SubscriberStatus": "subscribers.models.Status",
        "SettableStatus": "subscribers.people.status_changes.SETTABLE_STATUSES",
        "SubscriberTier": "subscribers.models.Tier",
        "ConsentKind": "subscribers.models.ConsentEvent.Kind",
        "ImportState": "subscribers.models.ImportState",
        "ImportUndoState": f"{HERE}.resources.import_undos.STATES",
        "NumberState": "phonepool.models.NumberState",
        "NumberQuality": "phonepool.models.Quality",
        "NumberRole": "phonepool.models.Role",
        "BreakerState": "phonepool.models.Breaker",
        "DistributionKind": "distribution.models.Kind",
        "DecisionKind": "distribution.models.Decision",
        "MediaType": f"{HERE}.resources.content_serializers.KIND_CHOICES",
        "AlertSeverity": "distribution.models.Severity",
        "HealthStatus": "config.api.health.STATUSES",
        "HealthCheckName": "config.api.health.NAMES",
        "BrokerStatus": ["ok", "down"],
        "AlertState": ["open", "acknowledged", "closed"],
        "DeliveryProgress": ["none", "sent", "delivered", "read"],
        "AnalyticsBasis": ["delivered", "accepted"],
        "BlockRateVerdict": ["NOT_COUNTED", "ABOVE", "BELOW", "NOT_MEASURABLE"],
        "AnalyticsGrouping": ["day", "tier", "number", "template", "hour", "language"],
    },
    # Served by us, without inline scripts.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"persistAuthorization": False, "validatorUrl": None},
}
