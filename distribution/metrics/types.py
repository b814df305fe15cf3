"""Every metric of Daybreak's own that is read from the database, with its labels and its help."""

from __future__ import annotations

from distribution.metrics.samples import COUNTER, HISTOGRAM, MetricType

RUN = (
    MetricType("daybreak_run_active", "1 while a distribution runs.", ("kind",)),
    MetricType("daybreak_run_sending", "1 while it sends, 0 while it is paused.", ("kind",)),
    MetricType(
        "daybreak_run_people",
        "People of the distribution that runs, or ran last.",
        ("kind", "state"),
    ),
    MetricType("daybreak_run_owed_people", "People who are owed a message.", ("kind",)),
    MetricType(
        "daybreak_run_reached_people",
        "People whose message was accepted, delivered or read.",
        ("kind", "progress"),
    ),
    MetricType("daybreak_run_planned_timestamp_seconds", "When it was to begin.", ("kind",)),
    MetricType("daybreak_run_opened_timestamp_seconds", "When it began.", ("kind",)),
    MetricType(
        "daybreak_run_sending_since_timestamp_seconds", "When it began or was resumed.", ("kind",)
    ),
    MetricType("daybreak_run_deadline_timestamp_seconds", "When its window ends.", ("kind",)),
    MetricType("daybreak_run_completed_timestamp_seconds", "When it was completed.", ("kind",)),
    MetricType(
        "daybreak_sla_ratio", "People reached in the window, of those owed.", ("kind", "basis")
    ),
    MetricType("daybreak_sla_projected_ratio", "The share that can still be reached.", ("kind",)),
    MetricType(
        "daybreak_sla_receipts_ratio", "Delivered messages, of the accepted ones.", ("kind",)
    ),
    MetricType(
        "daybreak_sla_needed_per_second", "Messages per second that the target needs.", ("kind",)
    ),
    MetricType(
        "daybreak_sla_achieved_per_second", "Messages per second over the last 15 s.", ("kind",)
    ),
    MetricType(
        "daybreak_sla_capacity_per_second", "Messages per second that the pool allows.", ("kind",)
    ),
    MetricType("daybreak_sla_target_ratio", "The share that is promised (SLA_TARGET)."),
    MetricType("daybreak_sla_alert_ratio", "Below it an alert opens (SLA_ALERT_THRESHOLD)."),
    MetricType(
        "daybreak_due_waiting_people",
        "People who wait for nothing but a process or a number.",
        ("kind",),
    ),
    MetricType("daybreak_oldest_due_seconds", "For how long the first of them waits.", ("kind",)),
    MetricType("daybreak_unconfirmed_people", "People with an unknown outcome.", ("kind",)),
    MetricType(
        "daybreak_snapshot_timestamp_seconds", "When these figures were stored.", ("sheet",)
    ),
)
TOTALS = (
    MetricType("daybreak_run_accepted_total", "Messages accepted.", ("category",), COUNTER),
    MetricType("daybreak_run_delivered_total", "Messages delivered.", ("category",), COUNTER),
    MetricType("daybreak_run_read_total", "Messages read.", ("category",), COUNTER),
    MetricType("daybreak_run_held_total", "Messages held by Meta.", ("category",), COUNTER),
    MetricType(
        "daybreak_run_failures_total",
        "Messages that failed, by reason and whose side it lies on.",
        ("code", "side"),
        COUNTER,
    ),
)
DURATIONS = (
    MetricType(
        "daybreak_send_duration_seconds",
        "From the call to Meta's answer.",
        ("number",),
        HISTOGRAM,
    ),
    MetricType(
        "daybreak_delivery_duration_seconds",
        "From acceptance to delivery.",
        ("number",),
        HISTOGRAM,
    ),
)
RECEIPTS = (
    MetricType(
        "daybreak_sla_expected_receipts_ratio",
        "Receipts, of those expected by now from earlier mornings: the best of the last seconds.",
        ("kind", "seconds"),
    ),
)
STANDING = (
    MetricType("daybreak_sla_budget_remaining_ratio", "What is left of 28 days' error budget."),
    MetricType(
        "daybreak_portfolio_recipient_limit_people",
        "People whom a portfolio may write to in 24 hours.",
        ("portfolio",),
    ),
    MetricType(
        "daybreak_portfolio_recipients_24h_people",
        "People whom it has written to in 24 hours.",
        ("portfolio",),
    ),
    MetricType("daybreak_portfolio_365d_messages", "Messages it sent in 365 days.", ("portfolio",)),
    MetricType(
        "daybreak_template_info",
        "1 for each message template in use.",
        ("template", "status", "quality", "category"),
    ),
    MetricType("daybreak_template_stop_ratio", "People who block it, by our count.", ("template",)),
    MetricType(
        "daybreak_template_stop_lower_bound_ratio",
        "The share that is certain, with 95% confidence.",
        ("template",),
    ),
    MetricType("daybreak_template_read_ratio", "Read within 24 hours.", ("template",)),
    MetricType("daybreak_duplicates", "People who got a message twice.", ("certainty",)),
    MetricType("daybreak_subscribers_people", "Subscribers who get messages.", ("tier",)),
    MetricType(
        "daybreak_cost_rupees_total", "What Meta charges, without tax.", ("category",), COUNTER
    ),
    MetricType(
        "daybreak_cost_per_message_rupees",
        "Of the last morning with costs, without tax.",
        ("category",),
    ),
)
LIVE = (
    MetricType("daybreak_database_up", "1 if the database answered this scrape in time."),
    MetricType(
        "daybreak_number_info",
        "1 for each phone number.",
        ("number", "quality", "state", "role"),
    ),
    MetricType("daybreak_number_rate_per_second", "Messages per second, now.", ("number",)),
    MetricType(
        "daybreak_number_ceiling_per_second", "Messages per second at its best.", ("number",)
    ),
    MetricType("daybreak_number_ramp_ratio", "Its rate, of its ceiling.", ("number",)),
    MetricType("daybreak_number_day_messages", "Messages of the day, in India.", ("number",)),
    MetricType("daybreak_number_breaker_open", "1 while no calls are made.", ("number",)),
    MetricType("daybreak_number_usable", "1 while it can be given messages.", ("number",)),
    MetricType("daybreak_heartbeat_timestamp_seconds", "When it was last alive.", ("engine",)),
    MetricType("daybreak_alerts_open", "Open alerts.", ("severity", "rule")),
    MetricType(
        "daybreak_alert_notices_pending", "Messages about alerts still to be sent.", ("channel",)
    ),
    MetricType("daybreak_alert_notices_oldest_seconds", "For how long they wait.", ("channel",)),
    MetricType("daybreak_preflight_status", "The last one: 0 green, 1 amber, 2 red."),
    MetricType("daybreak_preflight_timestamp_seconds", "When it ended."),
)
ALL = (*RUN, *TOTALS, *DURATIONS, *RECEIPTS, *STANDING, *LIVE)
