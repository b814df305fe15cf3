"""Every setting of Daybreak, read once from the environment, typed, refusing nonsense at start.

Nothing set means the embedded default: SQLite and a key under `var/`, made for trying, tests
and one small box. `DATABASE_URL` and `REDIS_URL` are all that production changes; then the
secrets must be given. `.env.example` lists the variables.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from datetime import timedelta
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

from config.settings import admin_theme, api, apps, databases, logs
from config.settings import environment as env
from config.web import headers

BASE_DIR = Path(__file__).resolve().parents[2]
environ.Env.read_env(str(BASE_DIR / ".env"))  # never overrides what is already set
VAR_DIR = Path(env.text("DAYBREAK_VAR", str(BASE_DIR / "var")))

# --- Django ---------------------------------------------------------------------------------

DEBUG = env.boolean("DEBUG", default=False)
EMBEDDED = not env.text("DATABASE_URL")


def _embedded_key() -> str:
    """A key of this machine's own, made at first use and readable by its owner only."""
    path = VAR_DIR / "secret_key"
    if not path.exists():
        VAR_DIR.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=VAR_DIR) as draft:
            draft.write(secrets.token_urlsafe(64))
            draft.flush()
            with contextlib.suppress(FileExistsError):  # another process was quicker
                os.link(draft.name, path)  # whole or not at all: nobody reads half a key
    return path.read_text()


SECRET_KEY = env.text("SECRET_KEY") or (_embedded_key() if EMBEDDED else "")
if len(SECRET_KEY) < 50 or SECRET_KEY.startswith("change-me"):
    raise ImproperlyConfigured("SECRET_KEY must be set to at least 50 random characters.")

ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "127.0.0.1,localhost")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

INSTALLED_APPS = apps.INSTALLED_APPS
MIDDLEWARE = apps.MIDDLEWARE
AUTHENTICATION_BACKENDS = apps.AUTHENTICATION_BACKENDS
AUTH_PASSWORD_VALIDATORS = apps.AUTH_PASSWORD_VALIDATORS
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
UNFOLD = admin_theme.UNFOLD
REST_FRAMEWORK = api.REST_FRAMEWORK
SPECTACULAR_SETTINGS = api.SPECTACULAR_SETTINGS
LANGUAGE_CODE = "en-in"
FORMAT_MODULE_PATH = "config.formats"
USE_TZ = True
TIME_ZONE = "Asia/Kolkata"  # the day's time zone; the database holds UTC
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"  # written by collectstatic, which only the image needs
WHITENOISE_USE_FINDERS = not STATIC_ROOT.is_dir()
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "config.web.static_files.StaticFiles"},
}
# Meta posts up to 3 MB; Django's own limit of 2.5 MB would refuse it.
WEBHOOK_BODY_LIMIT = 4 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = WEBHOOK_BODY_LIMIT
# Bodies that were applied are deleted after this: they hold phone numbers and names.
WEBHOOK_KEEP_DAYS = env.integer("WEBHOOK_KEEP_DAYS", 90, low=8)  # Meta repeats itself for 7

HTTPS = env.boolean("HTTPS", default=not EMBEDDED)  # off only where no proxy ends TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_SSL_REDIRECT = HTTPS
# Asked by the machine itself and by Prometheus, from behind the proxy that ends TLS.
SECURE_REDIRECT_EXEMPT = [r"^health/(live|ready)$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
SESSION_COOKIE_NAME = "__Host-daybreak" if HTTPS else "daybreak"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "csrftoken"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_IDLE_SECONDS = env.integer("SESSION_IDLE_SECONDS", 1800, low=60)
# Whose X-Forwarded-For is believed.
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES", "127.0.0.0/8,::1")
TWO_FACTOR = env.choice(
    "TWO_FACTOR", "off" if EMBEDDED else "required", ("off", "optional", "required")
)
OTP_TOTP_ISSUER = "Daybreak"
# Wrong passwords are counted in the database: they lock with every other service dead.
AXES_HANDLER = "config.staff.lockout.Handler"
AXES_FAILURE_LIMIT = env.integer("SIGN_IN_FAILURES", 5, low=1)
AXES_COOLOFF_TIME = timedelta(seconds=env.integer("SIGN_IN_COOLOFF_SECONDS", 900, low=1))
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "config.web.client_address.client_ip"
AXES_LOCKOUT_TEMPLATE = "admin/locked_out.html"
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
CONTENT_SECURITY_POLICY = headers.POLICY
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- The API ----------------------------------------------------------------------------------

# Requests a minute, for each token and scope.
API_RATES = {
    "read": env.integer("API_RATE_READ", 600, low=1),
    "subscribers": env.integer("API_RATE_SUBSCRIBERS", 300, low=1),
    "content": env.integer("API_RATE_CONTENT", 60, low=1),
    "distribute": env.integer("API_RATE_DISTRIBUTE", 60, low=1),
    "admin": env.integer("API_RATE_ADMIN", 60, low=1),
}
# Refusals a minute, for each address that comes without a token that is known.
API_RATE_STRANGERS = env.integer("API_RATE_STRANGERS", 60, low=1)
API_BODY_BYTES = 1024 * 1024  # of one JSON document; uploads have limits of their own
# How long a POST with the same Idempotency-Key is answered as before.
API_KEEP_ANSWERS_HOURS = env.integer("API_KEEP_ANSWERS_HOURS", 48, low=24, high=720)

# --- Subscribers ------------------------------------------------------------------------------

# Phones of people who were erased are kept as hashes under this key; empty: under SECRET_KEY.
# Who changes either without listing the old one in SECRET_KEY_FALLBACKS forgets whom to forget.
ERASURE_KEY = env.text("ERASURE_KEY")
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS")
# Details of an erased person go by themselves after so many days, when nothing is on its way.
ERASURE_DAYS = env.integer("ERASURE_DAYS", 7, high=365)
# Uploaded files hold phone numbers and names: they are deleted after so many days.
IMPORT_KEEP_DAYS = env.integer("IMPORT_KEEP_DAYS", 7, low=1, high=365)
# An import whose process died is taken over after so many seconds.
IMPORT_LEASE_SECONDS = env.decimal("IMPORT_LEASE_SECONDS", 120, low=1, high=3600)

# --- Database -------------------------------------------------------------------------------

DATABASES = databases.databases(VAR_DIR)
DATABASE_ROUTERS = ["distribution.runtime.replica.ReadRouter"]

# --- Broker ---------------------------------------------------------------------------------

REDIS_URL = env.url(
    "REDIS_URL", "redis://127.0.0.1:6379/0", schemes=("redis", "rediss", "redis+socket")
)

# --- WhatsApp -------------------------------------------------------------------------------

WHATSAPP_API_BASE = env.url(
    "WHATSAPP_API_BASE", "https://graph.facebook.com", schemes=("https", "http")
)
WHATSAPP_API_VERSION = env.text("WHATSAPP_API_VERSION", "v25.0")
WHATSAPP_ACCESS_TOKEN = env.text("WHATSAPP_ACCESS_TOKEN")
# Wins while it holds something. Read anew for each batch: a new token needs no restart.
WHATSAPP_ACCESS_TOKEN_FILE = env.text("WHATSAPP_ACCESS_TOKEN_FILE")
WHATSAPP_BUSINESS_ID = env.text("WHATSAPP_BUSINESS_ID")
WHATSAPP_PHONE_NUMBER_IDS = [
    value
    for value in (env.text(f"WHATSAPP_PHONE_NUMBER_ID_{place}") for place in (1, 2, 3))
    if value
]
WHATSAPP_VERIFY_TOKEN = env.text("WHATSAPP_VERIFY_TOKEN")
# Two live secrets while one replaces the other; empty ones are not used.
WHATSAPP_APP_SECRETS = [
    value
    for value in (env.text("WHATSAPP_APP_SECRET"), env.text("WHATSAPP_APP_SECRET_PREVIOUS"))
    if value
]
# Time limits of one call, by phase. Connecting has its own: a connection that never came
# about sent nothing and may be tried again; a read that timed out may have sent.
CLOUD_API_CONNECT_TIMEOUT = env.decimal("CLOUD_API_CONNECT_TIMEOUT", 3, low=0.05, high=30)
CLOUD_API_READ_TIMEOUT = env.decimal("CLOUD_API_READ_TIMEOUT", 20, low=0.05, high=60)
# Calls in flight at once per process: 210/s at one second each, and room for the slow ones.
CLOUD_API_CONCURRENCY = env.integer("CLOUD_API_CONCURRENCY", 384, low=1, high=4096)

# --- The day --------------------------------------------------------------------------------

DAILY_TIME = env.clock_time("DAILY_TIME", "06:00")
# At most until midnight: later, yesterday's message would go out beside today's.
MAX_START_LATENESS_SECONDS = env.integer(
    "MAX_START_LATENESS_SECONDS", 4 * 3600, low=60, high=18 * 3600
)
# The day's content should be approved the evening before; later only with a reason.
CONTENT_DEADLINE = env.clock_time("CONTENT_DEADLINE", "20:00")
TEST_RECIPIENTS = env.phones("TEST_RECIPIENTS")  # the staff's own phones, for test sends
# After this nothing more is sent: a morning message at noon is not one any more.
SENDING_WINDOW_SECONDS = env.integer("SENDING_WINDOW_SECONDS", 4 * 3600, low=1)
SLA_WINDOW_SECONDS = env.integer("SLA_WINDOW_SECONDS", 300, low=1)
SLA_TARGET = env.decimal("SLA_TARGET", 0.99, low=0.0, high=1.0)
SLA_ALERT_THRESHOLD = env.decimal("SLA_ALERT_THRESHOLD", 0.97, low=0.0, high=1.0)
SLA_BASIS = env.choice("SLA_BASIS", "delivered", ("delivered", "accepted"))

# What to do when the pool or the portfolio cannot carry everybody in time: send what fits, the
# first tiers first, and raise an alert; or hold the whole distribution until a human acts.
CAPACITY_SHORTFALL = env.choice("CAPACITY_SHORTFALL", "send", ("send", "hold"))
BATCH_SIZE = env.integer("BATCH_SIZE", 50, low=1, high=1000)
# The customer staggered batches by 500 ms. Slots already pace every single send, so waiting
# on top of them only makes the morning later; set 500 to have it all the same.
BATCH_STAGGER_MS = env.integer("BATCH_STAGGER_MS", 0, high=60_000)
# Sends marked in flight together: also the most one dying batch leaves in doubt.
MICRO_BATCH_SIZE = env.integer("MICRO_BATCH_SIZE", 25, low=1, high=1000)
RETRY_DELAYS_SECONDS = env.numbers("RETRY_DELAYS_SECONDS", "5,10,20")
TICK_SECONDS = env.decimal("TICK_SECONDS", 15, low=0.1, high=300)
# The keeper, which needs only the database: how often it looks, how long nothing may move before
# it sends by itself, when its silence is alerted, and how long one step of it may hang.
KEEPER_INTERVAL = env.decimal("KEEPER_INTERVAL", 5, low=0.1, high=60)
KEEPER_PATIENCE = env.decimal("KEEPER_PATIENCE", 10, low=0.1, high=300)
KEEPER_STALE_SECONDS = env.decimal("KEEPER_STALE_SECONDS", 60, low=1, high=3600)
WATCHDOG_SECONDS = env.decimal("WATCHDOG_SECONDS", 30, low=1, high=600)
LEASE_SECONDS = env.decimal("LEASE_SECONDS", 60, low=1, high=600)
# How long answers in hand wait for a database that is away; then the lease makes them unknown.
OUTCOME_PATIENCE_SECONDS = env.decimal("OUTCOME_PATIENCE_SECONDS", 30, high=300)
RECONCILE_WINDOW_SECONDS = env.decimal("RECONCILE_WINDOW_SECONDS", 600, low=1, high=3600)
# The same after a 5xx that carried Meta's own "unknown error": most likely not accepted.
RECONCILE_UNSURE_SECONDS = env.decimal("RECONCILE_UNSURE_SECONDS", 90, low=1, high=3600)
# After our receiver was away Meta brings again what it could not bring, the later the more rarely.
RECEIVER_PATIENCE_SECONDS = env.decimal("RECEIVER_PATIENCE_SECONDS", 3600, low=1, high=86_400)
AMBIGUOUS_POLICY = env.choice("AMBIGUOUS_POLICY", "reconcile", ("reconcile", "hold"))

# --- The pool -------------------------------------------------------------------------------

# Aim a little under a number's limit: at exactly 100 % a strict limiter refused 1.4 % of sends.
SLOT_UTILISATION = env.decimal("SLOT_UTILISATION", 0.97, low=0.1, high=1.0)
# Slots further ahead than this are not given out: their claim could lapse before they come.
SLOT_HORIZON_SECONDS = env.decimal("SLOT_HORIZON_SECONDS", 15, low=0.1, high=300)
# So many failed calls in ten seconds, and half of all, open a number's breaker; after the
# cooldown a single message tries it again.
BREAKER_FAULTS = env.integer("BREAKER_FAULTS", 20, low=1, high=10_000)
BREAKER_COOLDOWN_SECONDS = env.decimal("BREAKER_COOLDOWN_SECONDS", 15, low=0.1, high=3600)
# Retries after Meta's own failures, as a share of a number's slots in two minutes; more wait.
RETRY_SHARE = env.decimal("RETRY_SHARE", 0.1, low=0.01, high=1.0)
NUMBER_REST_SECONDS = env.decimal("NUMBER_REST_SECONDS", 15, low=0.1, high=3600)

# --- Celery's queues, the customer's names and numbers -----------------------------------------

QUEUE_CONCURRENCY = {
    "mass-distribution": env.integer("MASS_DISTRIBUTION_CONCURRENCY", 50, low=1, high=1000),
    "batch-processing": env.integer("BATCH_PROCESSING_CONCURRENCY", 10, low=1, high=1000),
    "distribution-retry": env.integer("DISTRIBUTION_RETRY_CONCURRENCY", 5, low=1, high=1000),
    "distribution-analytics": env.integer("DISTRIBUTION_ANALYTICS_CONCURRENCY", 3, low=1, high=100),
    "webhooks": env.integer("WEBHOOKS_CONCURRENCY", 2, low=1, high=100),
}
MASS_DISTRIBUTION_RATE = env.rate("MASS_DISTRIBUTION_RATE", "100/s")

# --- Where news goes ---------------------------------------------------------------------------

LOG_LEVEL = env.choice("LOG_LEVEL", "info", logs.LEVELS)
LOG_FORMAT = env.choice("LOG_FORMAT", "text" if EMBEDDED else "json", logs.FORMS)
LOG_SECRETS = [
    *(SECRET_KEY, *SECRET_KEY_FALLBACKS, ERASURE_KEY),
    *(WHATSAPP_ACCESS_TOKEN, WHATSAPP_VERIFY_TOKEN, *WHATSAPP_APP_SECRETS),
    env.signing_secret("WEBHOOK_STATUS_SECRET"),
]
LOGGING = logs.configuration(level=LOG_LEVEL, form=LOG_FORMAT, secrets=LOG_SECRETS)
# An alert about a notice of Meta's that nothing mended is closed after so many days.
NOTICE_ALERT_DAYS = env.integer("NOTICE_ALERT_DAYS", 7, low=1, high=365)
METRICS_ALLOWED = env.networks("METRICS_ALLOWED", "127.0.0.0/8,::1")  # who may read /metrics
SENTRY_DSN = env.url("SENTRY_DSN", schemes=("https", "http"))
WEBHOOK_STATUS_URL = env.url("WEBHOOK_STATUS_URL", schemes=("https", "http"))
WEBHOOK_STATUS_SECRET = env.signing_secret("WEBHOOK_STATUS_SECRET")
# Events go to the public internet by HTTPS; to these networks also, and there without it.
EVENT_PRIVATE_NETWORKS = env.networks(
    "EVENT_PRIVATE_NETWORKS", "127.0.0.0/8,::1" if EMBEDDED or DEBUG else ""
)
EVENT_KEEP_DAYS = env.integer("EVENT_KEEP_DAYS", 30, low=2, high=3650)
WEBHOOK_ALERT_URL = env.url("WEBHOOK_ALERT_URL", schemes=("https", "http"))
