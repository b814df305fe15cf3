"""SQL of the UPDATEs that each message needs, over `d.` and `v.`, for `ledger/deliveries.py`.

They are written out because Django would compile them for each call, which takes longer than
running them. `distribution/runtime/bulk_update.py` explains the parts.
"""

from __future__ import annotations

from datetime import datetime

from distribution.ledger.reasons import REASON_OF_STATUS
from distribution.runtime import partitions
from phonepool.numbers.reservation import OPEN_TO_CALLS

# A claim must have this share of its lease left to begin a call; the rest is the call's time.
MIN_LEASE_SHARE = 0.25
CLAIM_ASSIGN = "state = 'CLAIMED', claim_token = %(token)s, lease_until = %(lease_end)s"
# `state || ''` fits no index of a state: at one, PostgreSQL would compare every row of that state
# with every given row, where each given row has its key.
CLAIM_WHERE = "d.state || '' IN ('PENDING', 'RETRY_WAIT')"
# On PostgreSQL one statement claims: it locks the due rows of a batch, passing over those that are
# being claimed, leaves out who does not receive messages any more, and returns all of them with
# what a sender needs of the recipients (`ClaimedDelivery`). Each recipient is looked up by key.
_REASONS = " ".join(f"WHEN '{status}' THEN '{why}'" for status, why in REASON_OF_STATUS.items())
_CLAIM = f"""
    WITH due AS MATERIALIZED (
        SELECT one.id, one.distribution_id, one.subscriber_id
          FROM distribution_delivery AS one
         WHERE one.distribution_id = %(distribution)s AND one.batch_no = %(batch)s
           AND one.next_at <= %(now)s AND one.state IN ('PENDING', 'RETRY_WAIT')
           AND EXISTS (SELECT 1 FROM distribution_distribution AS goes
                        WHERE goes.id = one.distribution_id
                          AND goes.state = 'SENDING' AND goes.window_end > %(now)s)
         ORDER BY one.id LIMIT %(limit)s FOR UPDATE OF one SKIP LOCKED
    ), found AS MATERIALIZED (
        SELECT due.id, due.distribution_id, person.*
          FROM due CROSS JOIN LATERAL (
               SELECT name, tier, attributes, status FROM subscribers_subscriber AS s
                WHERE s.id = due.subscriber_id OFFSET 0) AS person
    )
    UPDATE distribution_delivery AS d
       SET state = CASE found.status WHEN 'ACTIVE' THEN 'CLAIMED' ELSE 'SKIPPED' END,
           reason = CASE found.status {_REASONS} ELSE d.reason END,
           claim_token = CASE found.status WHEN 'ACTIVE' THEN %(token)s ELSE d.claim_token END,
           lease_until = CASE found.status WHEN 'ACTIVE' THEN %(lease_end)s END
      FROM found WHERE d.id = found.id{{within}} AND {CLAIM_WHERE}
    RETURNING d.id, d.subscriber_id, d.phone, d.attempt_no, d.tries_charged,
              found.name, found.tier, found.attributes, found.status
"""  # noqa: S608 - constants of ours


def claim(distribution_id: int) -> str:
    """The statement for this distribution."""
    within = partitions.within_sql([distribution_id], "d")
    own = " AND d.distribution_id = found.distribution_id" if within else ""
    return _CLAIM.format(within=own + within)


# The template of each row; NULL: the distribution's own.
MARK_COLUMNS: dict[str, type] = {"id": int, "template": int}
MARK_ASSIGN = """
    state = 'INFLIGHT', attempt_no = d.attempt_no + 1, number_id = %(number)s,
    inflight_at = %(now)s, lease_until = %(lease_end)s, unknown_at = NULL, wamid = NULL,
    progress = 0, sent_at = NULL, delivered_at = NULL, read_at = NULL, failed_at = NULL,
    failed_code = NULL, pricing_id = NULL, rate_id = NULL, rung = %(place)s,
    message_template_id = v.template
"""
# The distribution is still on the rung that the message was made for, and still sends the standby
# to a share. Who may have got a message already stays on the rung of that message.
OWNED = """
    d.claim_token = %(token)s AND d.state || '' = 'CLAIMED'
    AND d.lease_until > %(least_lease)s
    AND EXISTS (SELECT 1 FROM distribution_distribution AS goes
                 WHERE goes.id = d.distribution_id
                   AND goes.state = 'SENDING' AND goes.window_end > %(now)s
                   AND COALESCE(goes.rung_id, 0) = %(rung)s
                   AND (v.template IS NULL OR goes.rung_id IS NOT NULL OR goes.warm_per_mille > 0))
    AND (d.ambiguous_no = 0 OR d.rung = %(place)s)
"""
# The recipient still receives messages. A scalar subquery, which PostgreSQL cannot turn into a
# join: one look at the primary key for each row, whatever the number of subscribers.
WANTED = """(SELECT person.status FROM subscribers_subscriber AS person
              WHERE person.id = d.subscriber_id) = 'ACTIVE'"""
MARK_WHERE = f"{OWNED} AND {OPEN_TO_CALLS} AND {WANTED}"

SETTLE_COLUMNS: dict[str, type] = {
    "id": int,
    "attempt_no": int,
    "claim_token": int,
    "state": str,
    "reason": str,
    "wamid": str,
    "at": datetime,
    "next_at": datetime,
    "charged": int,
    "code": int,
}
SETTLE_ASSIGN = """
    state = v.state,
    reason = v.reason,
    lease_until = NULL,
    wamid = COALESCE(d.wamid, v.wamid),
    accepted_at = CASE WHEN v.state IN ('ACCEPTED', 'HELD')
                       THEN COALESCE(d.accepted_at, v.at) ELSE d.accepted_at END,
    unknown_at = CASE WHEN v.state = 'UNKNOWN' THEN v.at ELSE NULL END,
    next_at = COALESCE(v.next_at, d.next_at),
    failed_code = COALESCE(v.code, d.failed_code),
    tries_charged = d.tries_charged + v.charged
"""
# An acceptance by Meta counts even after the lease ended; every other outcome needs the claim.
SETTLE_WHERE = """
    d.attempt_no = v.attempt_no AND d.claim_token = v.claim_token
    AND (d.state || '' = 'INFLIGHT'
         OR (d.state || '' = 'UNKNOWN' AND v.state IN ('ACCEPTED', 'HELD')))
"""

REPORT_COLUMNS: dict[str, type] = {
    "id": int,
    "attempt_no": int,
    "old_state": str,
    "state": str,
    "progress": int,
    "resend_no": int,
    "reason": str,
    "wamid": str,
    "failed_code": int,
    "pricing_id": int,
    "rate_id": int,
    "next_at": datetime,
    "accepted_at": datetime,
    "sent_at": datetime,
    "delivered_at": datetime,
    "read_at": datetime,
    "failed_at": datetime,
}
REPORT_ASSIGN = ", ".join(
    f"{name} = v.{name}" for name in REPORT_COLUMNS if name not in ("id", "attempt_no", "old_state")
)
REPORT_WHERE = "d.state || '' = v.old_state AND d.attempt_no = v.attempt_no"
