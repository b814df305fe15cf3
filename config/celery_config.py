"""Celery's configuration: queues, broker, beat. A task message only triggers work.

Acknowledged early and never redelivered: work is claimed row by row in the database, so a lost
message costs at most one tick, while one redelivered after the visibility timeout would find
nothing left to do.
"""

from __future__ import annotations

from django.conf import settings
from kombu import Queue

from config.broker import KEY_PREFIX
from config.timetable import timetable

broker_url = settings.REDIS_URL
result_backend = settings.REDIS_URL  # chords count their tasks there; no one reads results
result_expires = 600
accept_content = ["json"]
task_serializer = "json"
task_queues = [Queue(name) for name in settings.QUEUE_CONCURRENCY]
task_default_queue = "mass-distribution"  # start, tick, end of the chord: few, and never delayed
task_routes = {
    "distribution.tasks.send_batch": {"queue": "batch-processing"},  # retries: distribution-retry
    "distribution.tasks.refresh_sla": {"queue": "distribution-analytics"},
    "distribution.tasks.notify_alerts": {"queue": "distribution-analytics"},
    "distribution.tasks.send_notifications": {"queue": "distribution-analytics"},
    "distribution.tasks.report_mornings": {"queue": "distribution-analytics"},
    "distribution.tasks.make_records": {"queue": "distribution-analytics"},
    "distribution.tasks.refresh_rollups": {"queue": "distribution-analytics"},
    "distribution.tasks.post_events": {"queue": "distribution-analytics"},
    "distribution.tasks.forget_events": {"queue": "distribution-analytics"},
    "distribution.tasks.forget_numbers": {"queue": "distribution-analytics"},
    "distribution.tasks.sync_message_templates": {"queue": "distribution-analytics"},
    "distribution.tasks.check_access_token": {"queue": "distribution-analytics"},
    "distribution.tasks.review_templates": {"queue": "distribution-analytics"},
    "distribution.tasks.compare_templates": {"queue": "distribution-analytics"},
    "distribution.tasks.check_costs": {"queue": "distribution-analytics"},
    "distribution.tasks.renew_media": {"queue": "distribution-analytics"},
    "distribution.tasks.watch_phone_numbers": {"queue": "distribution-analytics"},
    "distribution.tasks.sync_phone_numbers": {"queue": "distribution-analytics"},
    # An import takes minutes of a core: away from the workers that open the morning.
    "subscribers.tasks.*": {"queue": "distribution-analytics"},
    "config.tasks.preflight_if_due": {"queue": "distribution-analytics"},
    "webhooks.tasks.*": {"queue": "webhooks"},
}
task_create_missing_queues = False
task_acks_late = False
task_soft_time_limit = None  # threads cannot be interrupted; every task limits its own time
task_store_errors_even_if_ignored = False
worker_prefetch_multiplier = 1
worker_enable_remote_control = False
worker_send_task_events = False
worker_eta_task_limit = 1000
worker_hijack_root_logger = False
broker_connection_retry_on_startup = True
broker_connection_max_retries = None  # the default gives up after 100
broker_connection_timeout = 2
broker_transport_options = {
    "visibility_timeout": 300,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 10,
    "global_keyprefix": KEY_PREFIX,
}
result_backend_transport_options = {
    "global_keyprefix": KEY_PREFIX,
    # By default the publisher of a chord retries for 20 s, then logs that Celery needs a restart.
    "retry_policy": {"max_retries": 5},
}
redis_socket_timeout = 5
redis_socket_connect_timeout = 2
redis_backend_health_check_interval = 10
timezone = settings.TIME_ZONE
enable_utc = True
beat_scheduler = "config.beat:Scheduler"
beat_max_loop_interval = 5
beat_schedule = timetable()
# By default Celery closes the database connection before and after every task, and opening one
# costs more than most tasks. `config/celery.py` closes stale connections instead.
CELERY_DB_REUSE_MAX = 10**9
