"""Settings of REST framework and of the OpenAPI document. The API itself is distribution/api."""

from __future__ import annotations

HERE = "distribution.api"

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
Submit content, keep subscribers in step, start and follow distributions, read analytics.

Send `Authorization: Bearer dbk_…`. Every token has scopes; each operation names the one it needs.
Every POST that creates wants an `Idempotency-Key`, and may then be sent again without fear.
Errors are problem details (RFC 9457) with a stable `code` and a sentence that says what to do.
"""

# The chapters of the document, in their order. `distribution/api/document/schema.py` assigns
# operations to them.
TAGS = [
    {"name": "distributions", "description": "Started, planned, followed, steered."},
    {"name": "content", "description": "What is said, and by which message template."},
    {"name": "subscribers", "description": "Who is written to, and the proof that they agreed."},
    {"name": "analytics", "description": "What became of it, day by day."},
    {"name": "house", "description": "How everything stands, and what wants a person."},
    {"name": "events", "description": "What others are told without asking."},
]

SPECTACULAR_SETTINGS: dict[str, object] = {
    "TITLE": "Daybreak",
    "DESCRIPTION": DESCRIPTION,
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
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
        "AskedStatus": "subscribers.people.status_changes.SETTABLE_STATUSES",
        "ImportState": "subscribers.models.ImportState",
        "NumberState": "phonepool.models.NumberState",
        "HealthStatus": "config.api.health.STATUSES",
    },
    # Served by us, without inline scripts.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"persistAuthorization": False, "validatorUrl": None},
}
