"""Where alerts, events, errors and signs of life are posted to, and for how long they are kept."""

from __future__ import annotations

from config.settings import environment as env

SENTRY_DSN = env.url("SENTRY_DSN", schemes=("https", "http"))
# Which version runs, and which installation: shown by Sentry beside each error.
RELEASE = env.text("RELEASE")[:200]
SENTRY_ENVIRONMENT = env.text("SENTRY_ENVIRONMENT", "production")[:64]
WEBHOOK_STATUS_URL = env.url("WEBHOOK_STATUS_URL", schemes=("https", "http"))
WEBHOOK_STATUS_SECRET = env.signing_secret("WEBHOOK_STATUS_SECRET")
EVENT_KEEP_DAYS = env.integer("EVENT_KEEP_DAYS", 30, low=2, high=3650)
WEBHOOK_ALERT_URL = env.url("WEBHOOK_ALERT_URL", schemes=("https", "http"))
WEBHOOK_ALERT_SECRET = env.signing_secret("WEBHOOK_ALERT_SECRET")
# Where PagerDuty takes events: https://events.eu.pagerduty.com for accounts in its EU region.
PAGERDUTY_URL = env.url("PAGERDUTY_URL", "https://events.pagerduty.com", schemes=("https", "http"))
# Pinged after work was done, in the manner of healthchecks.io: docs/alerts.md.
HEARTBEAT_URL_KEEPER = env.url("HEARTBEAT_URL_KEEPER", schemes=("https", "http"))
HEARTBEAT_URL_TICK = env.url("HEARTBEAT_URL_TICK", schemes=("https", "http"))
HEARTBEAT_URL_MORNING = env.url("HEARTBEAT_URL_MORNING", schemes=("https", "http"))
