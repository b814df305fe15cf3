"""Acts for which somebody confirms that it is they: by password and code, at most MINUTES ago.

They give away secrets or numbers, change who may do what, or cannot be undone. What a morning may
need at once is not among them, above all not Pause: starting, resuming, cancelling, letting a
number rest. Those are held by permission, reason and the audit log. The page that changes one's
own password asks for the old one itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest

MINUTES = 5


@dataclass(frozen=True, slots=True)
class Act:
    """What is done, in words that follow "your password to", and how a request for it looks."""

    words: str
    actions: frozenset[str] = frozenset()  # of a list; empty: whatever is posted
    reads: bool = False  # a GET alone gives it away


def _of_list(words: str, *actions: str) -> Act:
    return Act(words, frozenset(actions))


ACCOUNTS = Act("change staff accounts")
ROLES = Act("change roles")
POOL = Act("change phone numbers or accounts")
CHANNELS = Act("change where alerts are sent")
ERASING = Act("erase a person")

# By the name of the route.
SENSITIVE = {
    "second_factor_set_up": Act("replace two-factor authentication", reads=True),
    "admin:auth_user_add": ACCOUNTS,
    "admin:auth_user_change": ACCOUNTS,
    "admin:auth_user_password_change": Act("set a password"),
    "admin:auth_user_changelist": _of_list(
        "reset two-factor authentication", "renew_second_factor"
    ),
    "admin:auth_group_add": ROLES,
    "admin:auth_group_change": ROLES,
    "admin:auth_group_delete": ROLES,
    "admin:auth_group_changelist": _of_list("delete roles", "delete_selected"),
    "admin:distribution_apitoken_add": Act("create an API token"),
    "admin:distribution_eventsubscription_add": Act("see a signing secret"),
    "admin:distribution_eventsubscription_change": Act("change where events are sent"),
    "admin:distribution_eventsubscription_changelist": _of_list(
        "see a signing secret", "change_secret"
    ),
    "admin:distribution_alertchannel_add": CHANNELS,
    "admin:distribution_alertchannel_change": CHANNELS,
    "setup_numbers": POOL,
    "setup_webhook": Act("see the webhook’s verify token", reads=True),
    "admin:phonepool_phonenumber_add": POOL,
    "admin:phonepool_phonenumber_change": POOL,
    "admin:phonepool_portfolio_add": POOL,
    "admin:phonepool_portfolio_change": POOL,
    "admin:phonepool_portfolio_delete": POOL,
    "admin:phonepool_waba_add": POOL,
    "admin:phonepool_waba_change": POOL,
    "admin:phonepool_waba_delete": POOL,
    "admin:subscribers_subscriber_changelist": _of_list("export people", "export_selected"),
    "admin:subscribers_subscriber_export_all": Act("export people"),
    "admin:subscribers_subscriber_export_person": Act("export everything about a person"),
    "admin:subscribers_subscriber_erase_person": ERASING,
    "admin:subscribers_subscriber_purge_person": ERASING,
    "admin:distribution_delivery_export": Act("export deliveries"),
    "admin:subscribers_importjob_refused": Act("download rows with full phone numbers"),
    "admin:distribution_decide": Act("decide on unconfirmed deliveries"),
}


def act_of(request: HttpRequest) -> Act | None:
    """The sensitive act that this request would do, if it is one."""
    match = request.resolver_match
    act = SENSITIVE.get(match.view_name) if match else None
    if act is None or (request.method in ("GET", "HEAD") and not act.reads):
        return None
    return act if not act.actions or request.POST.get("action") in act.actions else None
