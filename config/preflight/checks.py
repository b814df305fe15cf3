"""The read-only checks of a preflight. Pure: each takes facts and returns a finding.

They extend the set-up checks by what can go wrong overnight.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

from django.conf import settings
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.monitoring import health
from config.preflight.facts import Facts
from config.setup import account_checks
from config.setup.items import Finding, Result, fails, not_checked, ok, warning
from distribution.lifecycle.capacity_plan import PlanVerdict
from phonepool.numbers import limits

TOKEN_LIFE = timedelta(hours=48)
CLOCK_SKEW_SECONDS = 2.0
DISK_FREE = 0.1


def token(facts: Facts) -> Finding:
    found = account_checks.token(facts.setup)
    told = facts.setup.meta.token.value
    if found.result is Result.FAILS or told is None or told.expires_at is None:
        return found
    if told.expires_at - facts.now <= TOKEN_LIFE:
        return fails(found.seen, _("Replace the access token today."))
    return found


def webhook(facts: Facts) -> Finding:
    """The address and the app; which fields is another check."""
    found = account_checks.webhook(facts.setup)
    told = facts.setup.meta.subscription.value
    if told is not None and told.is_active and missing_fields(facts):
        return ok(_("Meta posts webhooks to %(url)s.") % {"url": told.callback_url})
    return found


def subscription(facts: Facts) -> Finding:
    told = facts.setup.meta.subscription.value
    if told is None:
        return not_checked(_("Unknown while the webhook is not set up."))
    missing = missing_fields(facts)
    if missing:
        words = _("These fields are not subscribed: %(names)s.") % {"names": ", ".join(missing)}
        return fails(words, _("Open Set up and connect the webhook."))
    return ok(
        _("All %(count)s fields that Daybreak reads are subscribed.")
        % {"count": len(facts.setup.fields)}
    )


def missing_fields(facts: Facts) -> list[str]:
    told = facts.setup.meta.subscription.value
    return sorted(facts.setup.fields - set(told.fields)) if told else []


def account(facts: Facts) -> Finding:
    return account_checks.account(facts.setup)


def funding(facts: Facts) -> Finding:
    told = facts.setup.meta.account.value
    if told is None:
        return not_checked(_("Meta did not describe the account."))
    if told.is_funded is False:
        words = _("The account has no payment method, so paid messages are refused.")
        return fails(words, _("Add a payment method in WhatsApp Manager."))
    if told.currency and told.currency != "INR":
        words = _("Meta bills in %(currency)s, not in INR.") % {"currency": told.currency}
        return warning(words, _("Check the rates on the cost page."))
    if told.is_funded is None:
        return not_checked(_("Meta does not name a payment method."))
    return ok(_("A payment method is set up."))


def template(facts: Facts) -> Finding:
    content = facts.opening.sent if facts.opening else None
    if content is None:
        return not_checked(_("No content is chosen."))
    row = content.message_template
    told = facts.setup.meta.templates
    if told.value is None:
        return not_checked(told.refusal or told.silence)
    found = [one for one in told.value if (one.name, one.language) == (row.name, row.language)]
    named = {"name": str(row)}
    if not found:
        return fails(_("Meta does not list %(name)s.") % named, _("Use another template."))
    named["status"] = found[0].status
    if found[0].status != "APPROVED":
        words = _("%(name)s is %(status)s at Meta.") % named
        return fails(words, _("Approve content on another template, or a fallback."))
    if found[0].quality in ("RED", "YELLOW"):
        words = _("The quality of %(name)s is %(colour)s.") % {**named, "colour": found[0].quality}
        return (fails if found[0].quality == "RED" else warning)(words, _("Use another template."))
    return ok(_("%(name)s is approved.") % named)


def category(facts: Facts) -> Finding:
    content = facts.opening.sent if facts.opening else None
    told = facts.setup.meta.templates.value
    if content is None or told is None:
        return not_checked(_("No content is chosen."))
    row = content.message_template
    for one in told:
        if (one.name, one.language) != (row.name, row.language):
            continue
        coming = one.correct_category or one.category
        if "UTILITY" not in (one.category, coming) or coming != one.category:
            words = _("%(name)s is %(now)s, soon %(coming)s.")
            if coming == one.category:
                words = _("%(name)s is %(now)s, which Meta caps per person.")
            values = {"name": str(row), "now": one.category, "coming": coming}
            return fails(words % values, _("Ask Meta for a review, or use a utility template."))
        if one.category != "UTILITY":
            words = _("%(name)s is %(now)s.") % {"name": str(row), "now": one.category}
            return warning(words, _("Marketing templates are capped per person."))
        return ok(_("%(name)s is a utility template.") % {"name": str(row)})
    return not_checked(_("Meta does not list the template."))


def media(facts: Facts) -> Finding:
    if facts.without_file:
        named = {"numbers": ", ".join(facts.without_file)}
        words = _("The file is missing or too old on %(numbers)s.") % named
        return fails(words, _("Upload it again: write a new version of the content."))
    return ok(_("Every number has what it sends."))


def numbers(facts: Facts) -> Finding:
    if not facts.numbers:
        return fails(_("No phone number can send."), _("See Phone numbers for the reason."))
    lost = ", ".join(row.label for row in facts.out_of_service)
    counts = {"count": len(facts.numbers), "lost": lost}
    if lost:
        words = _("%(count)s in service. Out of service: %(lost)s.") % counts
        return warning(words, _("See Phone numbers for the reason."))
    return ok(_("%(count)s in service.") % counts)


def limit(facts: Facts) -> Finding:
    """Meta's limit now against the plan's need: what is stored may be older."""
    found = account_checks.limit(facts.setup)
    plan = facts.opening.plan if facts.opening else None
    told = [one.messaging_limit for one in facts.setup.meta.numbers.value or []]
    parsed = [limits.parse(word) for word in told if word]
    known = [one.people for one in parsed if one is not None and one.known]
    if plan is None or not known or known[0] is None or len(plan.portfolios) != 1:
        return found
    need = plan.people + plan.portfolios[0].used
    if need <= known[0]:
        return found
    counts = {"limit": f"{known[0]:,}", "need": f"{need:,}"}
    words = _("%(need)s people are needed in 24 hours, but the limit is %(limit)s.") % counts
    return fails(words, _("Ask Meta for a higher limit. The last tiers are left out until then."))


def plan(facts: Facts) -> Finding:
    made = facts.opening.plan if facts.opening else None
    if made is None:
        return not_checked(_("No distribution is scheduled in the next 30 days."))
    add = _("Enable or add phone numbers.")
    if made.outcome.verdict is not PlanVerdict.MEETS and made.people:
        return fails(made.sentence, add)
    if not made.survives and made.people:
        return warning(made.sentence, add)
    return ok(made.sentence)


def opening(facts: Facts) -> Finding:
    """What keeps 06:00 from starting, and what else its own checks say."""
    found = facts.opening.findings if facts.opening else []
    blocking = [one.message for one in found if one.blocking]
    if blocking:
        return fails(" ".join(blocking), _("The distribution does not start until this is fixed."))
    if found:
        return warning(" ".join(one.message for one in found), _("It starts all the same."))
    return ok(_("Nothing blocks the start."))


def clock(facts: Facts) -> Finding:
    told = facts.setup.meta.token.value
    ahead = told.clock_ahead if told else None
    if ahead is None:
        return not_checked(_("Meta did not tell the time."))
    if abs(ahead) > CLOCK_SKEW_SECONDS:
        words = _("This machine's clock differs from Meta's by %(seconds)s s.")
        return fails(words % {"seconds": f"{ahead:+.0f}"}, _("Check NTP on this machine."))
    return ok(_("The clock agrees with Meta's."))


def _of_health(name: str) -> Callable[[Facts], Finding]:
    def find(facts: Facts) -> Finding:
        found = next((one for one in facts.health if one.name == name), None)
        if found is None or found.status == health.UNKNOWN:
            return not_checked(found.message if found else _("Not known."))
        if found.status == health.OK:
            return ok(found.message)
        return fails(found.message, _("See System status."))

    return find


def disk(facts: Facts) -> Finding:
    free = {"share": f"{facts.disk_free:.0%}"}
    if facts.disk_free < DISK_FREE:
        return fails(_("Only %(share)s of the disk is free.") % free, _("Make room."))
    return ok(_("%(share)s of the disk is free.") % free)


def database(facts: Facts) -> Finding:
    lacking = facts.missing_limits
    if lacking is None:
        return ok(_("Statements have time limits."))
    return fails(f"{lacking.seen}.", capfirst(f"{lacking.to_do}."))


def staff_phones(_facts: Facts) -> Finding:
    if settings.TEST_RECIPIENTS:
        return ok(_("%(count)s phones") % {"count": len(settings.TEST_RECIPIENTS)})
    return warning(_("TEST_RECIPIENTS is empty."), _("List the phones of your staff."))


class Check(NamedTuple):
    title: str | Promise
    find: Callable[[Facts], Finding]
    serious: bool = True  # its failure makes the preflight RED


CHECKS: dict[str, Check] = {
    "opening": Check(gettext_lazy("Start at the planned time"), opening),
    "plan": Check(gettext_lazy("Plan"), plan),
    "account": Check(gettext_lazy("WhatsApp account"), account),
    "token": Check(gettext_lazy("Access token"), token),
    "funding": Check(gettext_lazy("Payment method"), funding),
    "webhook": Check(gettext_lazy("Webhook"), webhook),
    "subscription": Check(gettext_lazy("Webhook fields"), subscription),
    "template": Check(gettext_lazy("Message template"), template),
    "category": Check(gettext_lazy("Category"), category),
    "media": Check(gettext_lazy("File"), media),
    "numbers": Check(gettext_lazy("Phone numbers"), numbers),
    "limit": Check(gettext_lazy("Portfolio limit"), limit),
    "clock": Check(gettext_lazy("Clock"), clock),
    "worker": Check(gettext_lazy("Workers"), _of_health("workers")),
    "beat": Check(gettext_lazy("Beat"), _of_health("beat"), serious=False),
    "keeper": Check(gettext_lazy("Keeper"), _of_health("keeper"), serious=False),
    "inbox": Check(gettext_lazy("Webhook inbox"), _of_health("inbox"), serious=False),
    "database": Check(gettext_lazy("Database"), database, serious=False),
    "disk": Check(gettext_lazy("Disk"), disk),
    "staff_phones": Check(gettext_lazy("Staff phones"), staff_phones),
}
# What the messages show.
MESSAGE_CHECKS: dict[str, str | Promise] = {
    "receiver": gettext_lazy("Receiver"),
    "number": gettext_lazy("Phone number"),
}
