"""What the four boards show, and what they ask. `build.py` turns it into JSON."""

from __future__ import annotations

from panels import (
    BAD,
    BARS,
    COUNT,
    GOOD,
    MOMENT,
    PEOPLE,
    RATE,
    ROWS,
    RUPEES,
    SECONDS,
    SHARE,
    UP,
    VALUE,
    Board,
    Panel,
    biggest,
    moment,
    of,
    or_zero,
    quantile,
    rate,
)

STORED = 'max(daybreak_snapshot_timestamp_seconds{sheet="run"})'
POOL_RATE = "sum(max by (number) (daybreak_number_rate_per_second))"
MORNING = Board(
    "daybreak-morning",
    "Daybreak: the morning",
    "1s",
    "now-15m",
    [
        Panel(
            "Accepted in time",
            SHARE,
            of("kind", 'sla_ratio{basis="accepted"}'),
            VALUE,
            "Of the people who are owed a message.",
            GOOD,
        ),
        Panel(
            "Still possible",
            SHARE,
            of("kind", "sla_projected_ratio"),
            VALUE,
            "If all that can still arrive in time does.",
            GOOD,
        ),
        Panel(
            "Delivered in time",
            SHARE,
            of("kind", 'sla_ratio{basis="delivered"}'),
            VALUE,
            "Phones that are off at six count as late.",
        ),
        Panel(
            "Open alerts",
            COUNT,
            {
                "{{severity}}": or_zero(
                    "sum by (severity) (max by (severity, rule) (daybreak_alerts_open))"
                )
            },
            VALUE,
            limits=BAD,
        ),
        Panel(
            "Pace",
            RATE,
            {
                "accepted {{category}}": rate("run_accepted_total", "category"),
                "needed {{kind}}": biggest("sla_needed_per_second", "kind"),
                "the pool allows": POOL_RATE,
            },
            says="Accepted below needed for 15 seconds: the service level is at risk.",
        ),
        Panel("People by state", PEOPLE, of("state", "run_people", "kind")),
        Panel(
            "Reached",
            PEOPLE,
            {
                "{{progress}} {{kind}}": biggest("run_reached_people", "kind", "progress"),
                "owed {{kind}}": biggest("run_owed_people", "kind"),
            },
        ),
        Panel(
            "Failures per minute",
            PEOPLE,
            {
                "{{code}} ({{side}})": or_zero(
                    f"60 * {rate('run_failures_total', 'code', 'side', span='1m')}"
                )
            },
            says="By reason, and whose side it lies on.",
        ),
        Panel("Waiting for a phone number", PEOPLE, of("kind", "due_waiting_people")),
        Panel("First of those who wait", SECONDS, of("kind", "oldest_due_seconds")),
        Panel(
            "Unknown outcomes",
            PEOPLE,
            of("kind", "unconfirmed_people"),
            VALUE,
            "Nobody knows yet whether WhatsApp took the message.",
        ),
        Panel(
            "Receipts",
            SHARE,
            of("kind", "sla_receipts_ratio"),
            VALUE,
            "Delivered, of the accepted ones.",
        ),
        Panel("Began", MOMENT, moment("opened"), VALUE),
        Panel("Window ends", MOMENT, moment("deadline"), VALUE),
    ],
)
POOL = Board(
    "daybreak-pool",
    "Daybreak: the pool",
    "5s",
    "now-1h",
    [
        Panel(
            "Phone numbers that can send",
            COUNT,
            {"phone numbers": "sum(max by (number) (daybreak_number_usable))"},
            VALUE,
            limits=[(None, "red"), (1, "orange"), (2, "green")],
        ),
        Panel(
            "Stopped after failures",
            COUNT,
            {"phone numbers": "sum(max by (number) (daybreak_number_breaker_open))"},
            VALUE,
            limits=BAD,
        ),
        Panel("The pool's rate", RATE, {"now": POOL_RATE}, VALUE),
        Panel(
            "The last preflight",
            COUNT,
            {"result": or_zero("max(daybreak_preflight_status)")},
            VALUE,
            "0 green, 1 amber, 2 red.",
            [(None, "green"), (1, "orange"), (2, "red")],
        ),
        Panel(
            "Rate of each phone number",
            RATE,
            {
                "{{number}}": biggest("number_rate_per_second", "number"),
                "{{number}}, most": biggest("number_ceiling_per_second", "number"),
            },
            says="Below its most, it climbs back after Meta called it too fast.",
        ),
        Panel("Rate, of the most", SHARE, of("number", "number_ramp_ratio"), BARS),
        Panel("Messages today", PEOPLE, of("number", "number_day_messages"), BARS),
        Panel(
            "State and quality",
            COUNT,
            {"": biggest("number_info", "number", "quality", "state", "role")},
            ROWS,
        ),
        Panel(
            "People written to in 24 hours",
            PEOPLE,
            {
                "{{portfolio}}": biggest("portfolio_recipients_24h_people", "portfolio"),
                "limit of {{portfolio}}": or_zero(
                    biggest("portfolio_recipient_limit_people", "portfolio")
                ),
            },
        ),
        Panel(
            "Messages of 365 days",
            PEOPLE,
            of("portfolio", "portfolio_365d_messages"),
            VALUE,
            "From 500,000 on, Meta no longer holds messages of the portfolio back.",
        ),
        Panel("Meta's answer takes (95%)", SECONDS, quantile(0.95, "send_duration_seconds")),
        Panel("Delivery takes (median)", SECONDS, quantile(0.5, "delivery_duration_seconds")),
    ],
)
PEOPLE_AND_COST = Board(
    "daybreak-people",
    "Daybreak: people and cost",
    "1m",
    "now-28d",
    [
        Panel("Subscribers", PEOPLE, of("tier", "subscribers_people"), VALUE),
        Panel(
            "Error budget left",
            SHARE,
            {"28 days": biggest("sla_budget_remaining_ratio")},
            VALUE,
            "100%: nobody was late in 28 days. 0%: as many as the target allows.",
            [(None, "red"), (0, "orange"), (0.25, "green")],
        ),
        Panel(
            "Cost per message",
            RUPEES,
            {"{{category}}": or_zero(biggest("cost_per_message_rupees", "category"))},
            VALUE,
            "Of the last morning with costs, without tax.",
        ),
        Panel("Duplicates", PEOPLE, of("certainty", "duplicates"), VALUE, limits=BAD),
        Panel(
            "Cost by day",
            RUPEES,
            {
                "{{category}}": or_zero(
                    "max by (category) (increase(daybreak_cost_rupees_total[1d]))"
                )
            },
        ),
        Panel(
            "Messages of all time",
            PEOPLE,
            {
                f"{name} {{{{category}}}}": biggest(f"run_{name}_total", "category")
                for name in ("accepted", "delivered", "read", "held")
            },
        ),
        Panel(
            "Block rate",
            SHARE,
            {
                "{{template}}": or_zero(biggest("template_stop_ratio", "template")),
                "{{template}}, certain": or_zero(
                    biggest("template_stop_lower_bound_ratio", "template")
                ),
            },
            says="Above 2%, certain, another template of its group takes over.",
        ),
        Panel(
            "Read within 24 hours",
            SHARE,
            {"{{template}}": or_zero(biggest("template_read_ratio", "template"))},
        ),
        Panel(
            "Message templates",
            COUNT,
            {"": or_zero(biggest("template_info", "template", "status", "quality", "category"))},
            ROWS,
        ),
    ],
)
SYSTEM = Board(
    "daybreak-system",
    "Daybreak: the system",
    "5s",
    "now-1h",
    [
        Panel("Servers", COUNT, {"{{server}}": 'up{job="daybreak"}'}, VALUE, limits=UP),
        Panel(
            "Database",
            COUNT,
            {"answers": biggest("database_up")},
            VALUE,
            "1: it answers within a second.",
            UP,
        ),
        Panel(
            "Webhooks given up",
            COUNT,
            {"webhooks": biggest("inbox_dead_letters")},
            VALUE,
            limits=BAD,
        ),
        Panel(
            "Age of the figures",
            SECONDS,
            {"age": f"time() - {STORED}"},
            VALUE,
        ),
        Panel(
            "Last alive",
            SECONDS,
            {"{{engine}}": f"time() - {biggest('heartbeat_timestamp_seconds', 'engine')}"},
        ),
        Panel("Tasks that wait", COUNT, of("queue", "queue_waiting_messages")),
        Panel("First task that waits", SECONDS, of("queue", "queue_oldest_seconds")),
        Panel("Webhooks that wait", COUNT, {"webhooks": biggest("inbox_pending_webhooks")}),
        Panel(
            "First webhook that waits",
            SECONDS,
            {
                "waits": biggest("inbox_oldest_seconds"),
                "since the last one came": (
                    f"time() - {biggest('inbox_last_received_timestamp_seconds')}"
                ),
            },
        ),
        Panel(
            "Webhook posts",
            "reqps",
            {"{{answer}}": "sum by (answer) (rate(daybreak_webhook_posts_total[1m]))"},
        ),
        Panel(
            "Items of webhooks", "ops", {"{{kind}}": rate("webhook_items_total", "kind", span="1m")}
        ),
        Panel(
            "Items without effect",
            "ops",
            {"{{what}}": or_zero(rate("webhook_items_left_out_total", "what", span="1m"))},
        ),
        Panel("Messages about alerts that wait", COUNT, of("channel", "alert_notices_pending")),
        Panel(
            "CPU of the servers",
            SHARE,
            {"{{server}}": 'rate(process_cpu_seconds_total{job="daybreak"}[1m])'},
        ),
        Panel(
            "Memory of the servers",
            "bytes",
            {"{{server}}": 'process_resident_memory_bytes{job="daybreak"}'},
        ),
    ],
)
BOARDS = (MORNING, POOL, PEOPLE_AND_COST, SYSTEM)
