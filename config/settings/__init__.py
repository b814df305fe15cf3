"""All settings, read once from the environment, typed; invalid values stop the start.

Without any variable the embedded default applies: SQLite and a generated key under `var/`, for
trials, tests and small installations. Production sets `DATABASE_URL`, `REDIS_URL` and the secrets.
`.env.example` lists the variables.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from config.settings import admin_theme, api, apps, databases, logs, mail
from config.settings import environment as env
from config.settings.serving import *  # noqa: F403 - before .env is read
from config.web import headers

BASE_DIR = Path(__file__).resolve().parents[2]
env.read_file(BASE_DIR / ".env")
VAR_DIR = Path(env.text("DAYBREAK_VAR", str(BASE_DIR / "var")))

# --- Django ---------------------------------------------------------------------------------

DEBUG = env.boolean("DEBUG", default=False)
EMBEDDED = not env.text("DATABASE_URL")


def _embedded_key() -> str:
    """The key of this machine, created on first use and readable only by its owner."""
    path = VAR_DIR / "secret_key"
    if not path.exists():
        VAR_DIR.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=VAR_DIR) as draft:
            draft.write(secrets.token_urlsafe(64))
            draft.flush()
            with contextlib.suppress(FileExistsError):  # another process was first
                os.link(draft.name, path)  # atomic: no process reads a partial key
    return path.read_text()


try:
    SECRET_KEY = env.text("SECRET_KEY") or (_embedded_key() if EMBEDDED else "")
except OSError as error:
    raise ImproperlyConfigured(f"DAYBREAK_VAR: cannot use {VAR_DIR}: {error.strerror}.") from None
if len(SECRET_KEY) < 50 or SECRET_KEY.startswith("change-me"):
    raise ImproperlyConfigured("SECRET_KEY must be set to at least 50 random characters.")

SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS")
# Encrypt secrets in the database, the newest first; empty: derived from SECRET_KEY.
FIELD_ENCRYPTION_KEYS = env.words("FIELD_ENCRYPTION_KEYS")
if any(len(key) < 32 for key in FIELD_ENCRYPTION_KEYS):
    raise ImproperlyConfigured("Each of FIELD_ENCRYPTION_KEYS must have at least 32 characters.")

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
                "config.web.request_ids.context",
            ]
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
UNFOLD = admin_theme.UNFOLD
# Signs the records of distributions; made if missing. Machines with one database share it.
RECORD_KEY_FILE = env.text("RECORD_KEY_FILE", str(VAR_DIR / "record-key.pem"))
API_VERSION = api.API_VERSION
REST_FRAMEWORK = api.REST_FRAMEWORK
SPECTACULAR_SETTINGS = api.SPECTACULAR_SETTINGS
LANGUAGE_CODE = "en-in"
FORMAT_MODULE_PATH = "config.formats"
USE_TZ = True
TIME_ZONE = "Asia/Kolkata"  # the zone of days and times for users; the database holds UTC
STATIC_URL = "static/"
# Written by collectstatic, which only the Docker image needs.
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = not STATIC_ROOT.is_dir()
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "config.web.static_files.StaticFiles"},
}
# Meta posts up to 3 MB; Django's default limit of 2.5 MB would refuse that.
WEBHOOK_BODY_LIMIT = 4 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = WEBHOOK_BODY_LIMIT
# Applied bodies are deleted after this: they hold phone numbers and names.
WEBHOOK_KEEP_DAYS = env.integer("WEBHOOK_KEEP_DAYS", 90, low=8)  # Meta redelivers for 7
DEAD_LETTER_KEEP_DAYS = env.integer("DEAD_LETTER_KEEP_DAYS", 90, low=8, high=3650)  # given up on

HTTPS = env.boolean("HTTPS", default=not EMBEDDED)  # off only without a proxy that terminates TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_SSL_REDIRECT = HTTPS
# Called by the machine itself and by Prometheus, behind the proxy that terminates TLS.
SECURE_REDIRECT_EXEMPT = [r"^health/(live|ready)$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
SESSION_COOKIE_NAME = "__Host-daybreak" if HTTPS else "daybreak"
CSRF_FAILURE_VIEW = "config.staff.kept_forms.csrf_failure"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "csrftoken"
DEVICE_COOKIE_NAME = "__Host-device" if HTTPS else "device"  # of browsers known to sign-in
SESSION_COOKIE_AGE = 12 * 3600
SESSION_IDLE_SECONDS = env.integer("SESSION_IDLE_SECONDS", 1800, low=60)
# Proxies whose X-Forwarded-For is trusted.
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES", "127.0.0.0/8,::1")
# Whether they drop names with underscores, of which a client could write a second spelling.
PROXY_DROPS_UNDERSCORES = env.boolean("PROXY_DROPS_UNDERSCORES", default=False)
TWO_FACTOR = env.choice(
    "TWO_FACTOR", "off" if EMBEDDED else "required", ("off", "optional", "required")
)
OTP_TOTP_ISSUER = "Daybreak"
# Failed sign-ins are counted in the database, so that locking works without the broker.
AXES_HANDLER = "config.staff.lockout.LockoutHandler"
AXES_FAILURE_LIMIT = env.integer("SIGN_IN_FAILURES", 5, low=1)
AXES_COOLOFF_TIME = timedelta(seconds=env.integer("SIGN_IN_COOLOFF_SECONDS", 900, low=1))
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "config.web.client_address.client_network"
AXES_LOCKOUT_CALLABLE = "config.staff.sign_in.locked_out"
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
CONTENT_SECURITY_POLICY = headers.POLICY
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- E-mail to staff ------------------------------------------------------------------------------

# The address of the admin in e-mails, without a slash at its end.
PUBLIC_URL = env.url(
    "PUBLIC_URL", mail.own_address(ALLOWED_HOSTS, https=HTTPS), schemes=("https", "http")
)
MAIL = mail.configuration(env.text("EMAIL_URL"), console=EMBEDDED or DEBUG)
EMAIL_ENABLED = MAIL.enabled
EMAIL_BACKEND = MAIL.backend
EMAIL_HOST, EMAIL_PORT = MAIL.host, MAIL.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = MAIL.user, MAIL.password
EMAIL_USE_TLS, EMAIL_USE_SSL, EMAIL_TIMEOUT = MAIL.use_tls, MAIL.use_ssl, mail.TIMEOUT_SECONDS
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", mail.own_sender(PUBLIC_URL))
PASSWORD_RESET_TIMEOUT = 30 * 60  # seconds for which the link works

# --- The API ----------------------------------------------------------------------------------

# Requests a minute, for each token and scope.
API_RATES = {
    "read": env.integer("API_RATE_READ", 600, low=1),
    "subscribers": env.integer("API_RATE_SUBSCRIBERS", 300, low=1),
    "content": env.integer("API_RATE_CONTENT", 60, low=1),
    "distribute": env.integer("API_RATE_DISTRIBUTE", 60, low=1),
    "admin": env.integer("API_RATE_ADMIN", 60, low=1),
}
# Refused requests a minute, for each address that calls without a valid token.
API_RATE_STRANGERS = env.integer("API_RATE_STRANGERS", 60, low=1)
API_BODY_BYTES = 1024 * 1024  # of one JSON document; uploads have separate limits
# How long a POST with the same Idempotency-Key gets the stored response.
API_KEEP_ANSWERS_HOURS = env.integer("API_KEEP_ANSWERS_HOURS", 48, low=24, high=720)

# --- Subscribers ------------------------------------------------------------------------------

# Phones of erased people are kept as hashes with this key; empty: with SECRET_KEY. If either
# changes and SECRET_KEY_FALLBACKS does not list the old one, erased phones are not recognised.
ERASURE_KEY = env.text("ERASURE_KEY")
# Details of an erased person are deleted after this many days, once no message is under way.
ERASURE_DAYS = env.integer("ERASURE_DAYS", 7, high=365)
# Days after which people whose consent was withdrawn are erased; a keyed hash keeps them out.
WITHDRAWN_KEEP_DAYS = env.integer("WITHDRAWN_KEEP_DAYS", 400, low=1, high=3650)
# Days after which a blank stands in the place of the numbers in deliveries.
DELIVERY_NUMBER_KEEP_DAYS = env.integer("DELIVERY_NUMBER_KEEP_DAYS", 400, low=30, high=3650)
# Days after their end for which sessions of staff are kept.
SESSION_KEEP_DAYS = env.integer("SESSION_KEEP_DAYS", 1, high=365)

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
# Takes precedence while it is not empty. Read for each batch: a new token needs no restart.
WHATSAPP_ACCESS_TOKEN_FILE = env.text("WHATSAPP_ACCESS_TOKEN_FILE")
WHATSAPP_BUSINESS_ID = env.meta_id("WHATSAPP_BUSINESS_ID")
WHATSAPP_APP_ID = env.meta_id("WHATSAPP_APP_ID")  # empty: Meta tells it of the token
# Two primaries and a backup, in this order; empty ones are not used.
WHATSAPP_PHONE_NUMBER_IDS = [
    env.meta_id(f"WHATSAPP_PHONE_NUMBER_ID_{place}") for place in (1, 2, 3)
]
WHATSAPP_VERIFY_TOKEN = env.text("WHATSAPP_VERIFY_TOKEN")
# Both are valid while one replaces the other; empty ones are not used.
WHATSAPP_APP_SECRETS = [
    value
    for value in (env.text("WHATSAPP_APP_SECRET"), env.text("WHATSAPP_APP_SECRET_PREVIOUS"))
    if value
]
# Time limits of one call, by phase. Connecting has its own: a failed connection sent nothing and
# may be retried; a read that timed out may have sent the message.
CLOUD_API_CONNECT_TIMEOUT = env.decimal("CLOUD_API_CONNECT_TIMEOUT", 3, low=0.05, high=30)
CLOUD_API_READ_TIMEOUT = env.decimal("CLOUD_API_READ_TIMEOUT", 20, low=0.05, high=60)
# Concurrent calls per process: 210/s at one second each, and reserve for slow ones.
CLOUD_API_CONCURRENCY = env.integer("CLOUD_API_CONCURRENCY", 384, low=1, high=4096)

# --- The daily distribution -----------------------------------------------------------------

DAILY_TIME = env.clock_time("DAILY_TIME", "06:00")
# At most until midnight: after that, yesterday's message would go out with today's.
MAX_START_LATENESS_SECONDS = env.integer(
    "MAX_START_LATENESS_SECONDS", 4 * 3600, low=60, high=18 * 3600
)
# Content should be approved by this time on the evening before; later only with a reason.
CONTENT_DEADLINE = env.clock_time("CONTENT_DEADLINE", "20:00")
TEST_RECIPIENTS = env.phones("TEST_RECIPIENTS")  # the staff's own phones, for test sends
# No message is sent after this: a morning message is useless at noon.
SENDING_WINDOW_SECONDS = env.integer("SENDING_WINDOW_SECONDS", 4 * 3600, low=1)
SLA_WINDOW_SECONDS = env.integer("SLA_WINDOW_SECONDS", 300, low=1)
SLA_TARGET = env.decimal("SLA_TARGET", 0.99, low=0.0, high=1.0)
SLA_ALERT_THRESHOLD = env.decimal("SLA_ALERT_THRESHOLD", 0.97, low=0.0, high=1.0)
SLA_BASIS = env.choice("SLA_BASIS", "accepted", ("accepted", "delivered"))

# What a message should cost at most, in rupees without tax: dearer content needs a reason.
COST_LIMIT_PER_MESSAGE = env.decimal("COST_LIMIT_PER_MESSAGE", 0.50, low=0.0, high=1000.0)
GST_PERCENT = env.decimal("GST_PERCENT", 18, low=0.0, high=100.0)  # on top of Meta's prices

# If the pool or the portfolio cannot reach all recipients in time: send what fits, by tier, and
# raise an alert; or hold the whole distribution until a user decides.
CAPACITY_SHORTFALL = env.choice("CAPACITY_SHORTFALL", "send", ("send", "hold"))
# What may take over in a run when Meta refuses the message template: nothing, the same words on
# another template of its rotation group, or these and then the fallback content.
LADDER_DURING_RUN = env.choice("LADDER_DURING_RUN", "fallback", ("none", "sibling", "fallback"))
# The customer staggered batches by 500 ms. Slots already pace every send, so that staggering only
# delays the run; 500 restores it.
BATCH_STAGGER_MS = env.integer("BATCH_STAGGER_MS", 0, high=60_000)
# Messages in a batch, and of these marked in flight together: each at most this many, by the rate
# of the numbers (lifecycle/batch_sizes.py). The latter is also what a dying batch leaves unknown.
BATCH_SIZE = env.integer("BATCH_SIZE", 200, low=1, high=1000)
MICRO_BATCH_SIZE = env.integer("MICRO_BATCH_SIZE", 100, low=1, high=1000)
RETRY_DELAYS_SECONDS = env.numbers("RETRY_DELAYS_SECONDS", "5,10,20")
TICK_SECONDS = env.decimal("TICK_SECONDS", 15, low=0.1, high=300)
# The keeper, which needs only the database: how often it checks, how long there may be no progress
# before it sends itself, when its silence raises an alert, and how long one of its steps may hang.
KEEPER_INTERVAL = env.decimal("KEEPER_INTERVAL", 5, low=0.1, high=60)
KEEPER_PATIENCE = env.decimal("KEEPER_PATIENCE", 10, low=0.1, high=300)
KEEPER_STALE_SECONDS = env.decimal("KEEPER_STALE_SECONDS", 60, low=1, high=3600)
WATCHDOG_SECONDS = env.decimal("WATCHDOG_SECONDS", 30, low=1, high=600)
LEASE_SECONDS = env.decimal("LEASE_SECONDS", 60, low=1, high=600)
# How long received answers wait for an unavailable database; then the lease makes them unknown.
OUTCOME_PATIENCE_SECONDS = env.decimal("OUTCOME_PATIENCE_SECONDS", 30, high=300)
RECONCILE_WINDOW_SECONDS = env.decimal("RECONCILE_WINDOW_SECONDS", 600, low=1, high=3600)
# The same after a 5xx with Meta's "unknown error": most likely not accepted.
RECONCILE_UNSURE_SECONDS = env.decimal("RECONCILE_UNSURE_SECONDS", 90, low=1, high=3600)
# After our receiver was down, Meta redelivers webhooks at growing intervals.
RECEIVER_PATIENCE_SECONDS = env.decimal("RECEIVER_PATIENCE_SECONDS", 3600, low=1, high=86_400)
AMBIGUOUS_POLICY = env.choice("AMBIGUOUS_POLICY", "reconcile", ("reconcile", "hold"))

# --- The pool -------------------------------------------------------------------------------

# Slightly below a number's limit: at exactly 100 % a strict limiter refused 1.4 % of sends.
SLOT_UTILISATION = env.decimal("SLOT_UTILISATION", 0.985, low=0.1, high=1.0)
# Slots further ahead are not reserved: their claim could expire before they are due.
SLOT_HORIZON_SECONDS = env.decimal("SLOT_HORIZON_SECONDS", 15, low=0.1, high=300)
# This many failed calls in ten seconds, if they are half of all, open a number's breaker; after the
# cooldown a single message probes it.
BREAKER_FAULTS = env.integer("BREAKER_FAULTS", 20, low=1, high=10_000)
BREAKER_COOLDOWN_SECONDS = env.decimal("BREAKER_COOLDOWN_SECONDS", 15, low=0.1, high=3600)
# Retries after Meta's failures, as a share of a number's slots in two minutes; more have to wait.
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

# --- Logs, alerts, metrics, events -------------------------------------------------------------

from config.settings.caching import *  # noqa: E402, F403 - once the environment is read
from config.settings.importing import *  # noqa: E402, F403
from config.settings.opening import *  # noqa: E402, F403
from config.settings.outgoing import *  # noqa: E402, F403
from config.settings.senders import *  # noqa: E402, F403

LOG_LEVEL = env.choice("LOG_LEVEL", "info", logs.LEVELS)
LOG_FORMAT = env.choice("LOG_FORMAT", "text" if EMBEDDED else "json", logs.FORMS)
LOG_SECRETS = [
    SECRET_KEY,
    *SECRET_KEY_FALLBACKS,
    *FIELD_ENCRYPTION_KEYS,
    ERASURE_KEY,
    WHATSAPP_ACCESS_TOKEN,
    WHATSAPP_VERIFY_TOKEN,
    *WHATSAPP_APP_SECRETS,
    EMAIL_HOST_PASSWORD,
    env.signing_secret("WEBHOOK_STATUS_SECRET"),
    env.signing_secret("WEBHOOK_ALERT_SECRET"),
]
LOGGING = logs.configuration(level=LOG_LEVEL, form=LOG_FORMAT, secrets=LOG_SECRETS)
# An alert about a notice from Meta is closed after this many days if nothing resolved it.
NOTICE_ALERT_DAYS = env.integer("NOTICE_ALERT_DAYS", 7, low=1, high=365)
STATUS_PAGE = env.boolean("STATUS_PAGE", default=False)  # /status, for everybody
METRICS_ALLOWED = env.networks("METRICS_ALLOWED", "127.0.0.0/8,::1")  # who may read /metrics
# Events are posted to public addresses over HTTPS, and to these networks also over HTTP.
EVENT_PRIVATE_NETWORKS = env.networks(
    "EVENT_PRIVATE_NETWORKS", "127.0.0.0/8,::1" if EMBEDDED or DEBUG else ""
)
# Names this installation in alerts, so that two can share a service of PagerDuty.
INSTALLATION_NAME = env.text("INSTALLATION_NAME", urlsplit(PUBLIC_URL).hostname or "")[:60]
