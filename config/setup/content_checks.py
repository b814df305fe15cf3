"""The checks of what is here: staff phones, a test message, content and the daily time. Pure."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.setup.facts import Facts
from config.setup.items import Finding, fails, not_checked, ok, warning

REPORT_EXPECTED = timedelta(minutes=2)


def staff_phones(_facts: Facts) -> Finding:
    count = len(settings.TEST_RECIPIENTS)
    if not count:
        return fails(
            _("TEST_RECIPIENTS is empty."),
            _("List the phones of your staff in .env, such as +919812345678, then restart."),
        )
    seen = ngettext("%(count)s phone", "%(count)s phones", count) % {"count": count}
    return ok(seen)


def test_message(facts: Facts) -> Finding:
    message = facts.message
    if facts.delivered_at and (message is None or message.at < facts.delivered_at):
        seen = _("A distribution was delivered on %(at)s.")
        return ok(seen % {"at": facts.clock(facts.delivered_at)})
    if message is None:
        return fails(_("No test message sent."), _("Send a test message to one of your phones."))
    named = {"template": message.template, "at": facts.clock(message.at), "why": message.details}
    if message.status in ("delivered", "read"):
        return ok(_("Delivered: %(template)s, %(at)s.") % named)
    if message.status == "failed":
        seen = _("The test message of %(at)s failed: %(why)s.") % named
        return fails(seen, _("Fix the cause, then send another one."))
    seen = _("Accepted by WhatsApp on %(at)s. Delivery not reported yet.") % named
    if facts.now - message.at < REPORT_EXPECTED:
        return not_checked(seen, _("Check again in a few seconds."))
    return fails(seen, _("Check that the phone is online and that the webhook check passes."))


def content(facts: Facts) -> Finding:
    if facts.next_due is None:
        return not_checked(_("No distribution is scheduled in the next 30 days."))
    named = {"day": f"{facts.next_due.local_date:%-d %b %Y}"}
    choice = facts.choice
    if choice is None or choice.content is None:
        seen = _("No approved content for %(day)s.") % named
        write = _("Write content, submit it, and have someone else approve it.")
        return warning(seen, write) if facts.has_content else fails(seen, write)
    if choice.blocking:
        return fails(choice.message, _("Correct it, then have it approved again."))
    named["title"] = choice.content.title
    if choice.content.is_fallback:
        seen = _("The fallback “%(title)s” is sent on %(day)s.") % named
        return warning(seen, _("Write and approve content for this day."))
    return ok(_("“%(title)s” is approved for %(day)s.") % named)


def fallback(facts: Facts) -> Finding:
    if facts.fallback is None:
        return warning(
            _("No fallback."),
            _("Approve content as a fallback, so that a day without content still gets a message."),
        )
    return ok(_("“%(title)s” is the fallback.") % {"title": facts.fallback.title})


def daily_time(facts: Facts) -> Finding:
    if facts.next_due is None:
        return warning(
            _("No distribution is scheduled in the next 30 days."),
            _("Check the blackout dates."),
        )
    return ok(_("Next: %(at)s") % {"at": facts.clock(facts.next_due.planned_at)})
