"""The checks of what is at Meta: account, app, token, webhook, numbers, limit and templates.

Pure: each takes facts and returns a finding.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import validate_host
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.setup.facts import Facts
from config.setup.items import Finding, fails, not_checked, ok, warning
from config.setup.meta import Answer, app_id
from phonepool.cloud_api import credentials
from phonepool.models import PhoneNumber
from phonepool.numbers import limits

SCOPES = ("whatsapp_business_messaging", "whatsapp_business_management")
EXPIRES_SOON = timedelta(days=14)
WEBHOOK_PATH = "/webhooks/whatsapp"
ESSENTIAL_FIELD = "messages"


def account(facts: Facts) -> Finding:
    told = facts.meta.account
    if not settings.WHATSAPP_BUSINESS_ID:
        return fails(
            _("WHATSAPP_BUSINESS_ID is not set."),
            _(
                "Copy the WhatsApp Business Account ID from WhatsApp Manager > Account tools to "
                ".env, then restart."
            ),
        )
    if not told.came or told.value is None:
        return _unanswered(
            told,
            _(
                "Check WHATSAPP_BUSINESS_ID, and assign the account to the system user in the "
                "Business settings."
            ),
        )
    named = {"name": _owner(facts), "id": settings.WHATSAPP_BUSINESS_ID}
    if told.value.review == "REJECTED":
        seen = _("Meta rejected the account %(id)s of %(name)s.") % named
        return fails(seen, _("Request a review in the Business Support Home at Meta."))
    if told.value.health == "BLOCKED":
        named["causes"] = ", ".join(told.value.blocked_by)
        seen = _("The account %(id)s of %(name)s cannot send: %(causes)s.") % named
        return fails(seen, _("Open WhatsApp Manager and resolve the problem it shows."))
    if told.value.health == "LIMITED":
        seen = _("The account %(id)s of %(name)s can send with limits.") % named
        return warning(seen, _("Verify the business at Meta to lift the limits."))
    return ok(_("Account %(id)s of %(name)s can send.") % named)


def token(facts: Facts) -> Finding:
    told = facts.meta.token
    renew = _("Create a token of a system user with both permissions and set it in .env.")
    if not credentials.access_token():
        return fails(_("WHATSAPP_ACCESS_TOKEN is not set."), renew)
    if not told.came or told.value is None:
        return _unanswered(told, renew)
    if not settings.WHATSAPP_APP_SECRETS:
        where = _("Copy the app secret from App settings > Basic to .env, then restart.")
        return fails(_("WHATSAPP_APP_SECRET is not set."), where)
    if not told.value.is_valid:
        words = {"why": told.value.problem or "–"}
        return fails(_("The access token is not valid: %(why)s.") % words, renew)
    named = {"app": told.value.app_id, "set": settings.WHATSAPP_APP_ID}
    if settings.WHATSAPP_APP_ID not in ("", told.value.app_id):
        seen = _("The token belongs to app %(app)s, but WHATSAPP_APP_ID is %(set)s.") % named
        return fails(seen, _("Use a token of this app, or correct WHATSAPP_APP_ID."))
    missing = [scope for scope in SCOPES if scope not in told.value.scopes]
    if missing:
        seen = _("The token lacks permissions: %(names)s.") % {"names": ", ".join(missing)}
        return fails(seen, renew)
    reached, own = told.value.accounts, settings.WHATSAPP_BUSINESS_ID
    if reached and own and own not in reached:
        seen = _("The token does not reach account %(id)s.") % {"id": own}
        return fails(seen, _("Assign the account to the system user, then create a new token."))
    return _expiry(told.value.app_id, told.value.expires_at, facts.now)


def _expiry(app: str, ends: datetime | None, now: datetime) -> Finding:
    named = {"app": app}
    if ends is None:
        return ok(_("App %(app)s. The token has both permissions and does not expire.") % named)
    named["day"] = f"{timezone.localtime(ends):%-d %b %Y, %H:%M %Z}"
    if ends - now > EXPIRES_SOON:
        return ok(_("App %(app)s. The token has both permissions until %(day)s.") % named)
    renew = _("Replace it with a system user's token that does not expire.")
    return warning(_("App %(app)s. The token expires on %(day)s.") % named, renew)


def webhook(facts: Facts) -> Finding:
    connect = _("Click Connect webhook, or paste the address and the verify token into the app.")
    if not settings.WHATSAPP_VERIFY_TOKEN:
        choose = _("Set it to a long random text in .env, then restart.")
        return fails(_("WHATSAPP_VERIFY_TOKEN is not set."), choose)
    told = facts.meta.subscription
    if not told.came:
        return _unanswered(told, _("Check WHATSAPP_APP_ID and WHATSAPP_APP_SECRET."))
    if told.value is None or not told.value.is_active:
        return fails(_("Meta has no webhook address for this app."), connect)
    url = urlsplit(told.value.callback_url)
    named = {"url": told.value.callback_url, "count": len(facts.fields)}
    ours = url.path.rstrip("/") == WEBHOOK_PATH
    if not ours or not validate_host(url.hostname or "", settings.ALLOWED_HOSTS):
        return fails(_("Meta posts webhooks to another address: %(url)s.") % named, connect)
    if ESSENTIAL_FIELD not in told.value.fields:
        seen = _("The field %(field)s is not subscribed, so nothing is reported.")
        return fails(seen % {"field": ESSENTIAL_FIELD}, connect)
    if facts.meta.apps.value is not None and app_id(facts.meta.token) not in facts.meta.apps.value:
        return fails(_("The account does not send its webhooks to this app."), connect)
    missing = sorted(facts.fields - set(told.value.fields))
    if missing:
        seen = _("These fields are not subscribed: %(names)s.") % {"names": ", ".join(missing)}
        return warning(seen, connect)
    last = _("None received yet.")
    if facts.webhook_at:
        last = _("Last received %(at)s.") % {"at": facts.clock(facts.webhook_at)}
    return ok(
        _("Meta posts all %(count)s fields that Daybreak reads to %(url)s.") % named + " " + last
    )


def numbers(facts: Facts) -> Finding:
    told, pool = facts.meta.numbers, facts.numbers
    add = _("Click Add phone numbers.")
    if not pool:
        if told.value is None:
            return _unanswered(told, _("Fix the account and the token first."))
        if not told.value:
            create = _("Add and register a number in WhatsApp Manager > Phone numbers.")
            return fails(_("Meta lists no phone numbers for this account."), create)
        listed = {"count": len(told.value)}
        return fails(_("The pool is empty. Meta lists %(count)s.") % listed, add)
    unverified = [number for number in pool if number.verified_at is None]
    if unverified:
        return fails(_of_unverified(unverified), _("Correct the phone number IDs, then sync."))
    able = [number for number in pool if number.can_send]
    counts = {"able": len(able), "all": len(pool)}
    seen = ngettext(
        "%(able)s of %(all)s phone number can send.",
        "%(able)s of %(all)s phone numbers can send.",
        len(pool),
    )
    if not able:
        return fails(seen % counts, _("See Phone numbers for the reason."))
    if len(able) < len(pool):
        return warning(seen % counts, _("See Phone numbers for the others."))
    if not told.came:
        return not_checked(f"{seen % counts} {told.refusal or told.silence}")
    return ok(seen % counts)


def _of_unverified(numbers: Collection[PhoneNumber]) -> str:
    unsynced = _("not synced with Meta yet")
    each = ", ".join(f"{one.label}: {one.meta_answer or unsynced}" for one in numbers)
    return _("Not verified by Meta: %(numbers)s") % {"numbers": each}


def limit(facts: Facts) -> Finding:
    told = facts.meta.numbers
    words = [one.messaging_limit for one in told.value or [] if one.messaging_limit]
    found = limits.parse(words[0]) if words else None
    if found is None or not found.known:
        if not told.came:
            return _unanswered(told, _("Fix the account and the token first."))
        return not_checked(_("Meta does not name a limit."), _("Check it in WhatsApp Manager."))
    if found.people is None:
        return ok(_("Unlimited tier."))
    counts = {"limit": f"{found.people:,}", "people": f"{facts.audience:,}"}
    seen = _("%(limit)s people in 24 hours · %(people)s subscribers") % counts
    if found.people >= facts.audience:
        return ok(seen)
    return warning(seen, _("Ask Meta for a higher limit. The last tiers are left out until then."))


def templates(facts: Facts) -> Finding:
    told = facts.meta.templates
    create = _("Create one in WhatsApp Manager > Message templates: category Utility.")
    if told.value is None:
        return _unanswered(told, _("Fix the account and the token first."))
    approved = [one for one in told.value if one.status == "APPROVED"]
    if not approved:
        counts = {"count": len(told.value)}
        return fails(_("None of %(count)s templates is approved.") % counts, create)
    seen = ", ".join(f"{one.name} ({one.language}, {one.category.lower()})" for one in approved[:5])
    more = f" +{len(approved) - 5}" if len(approved) > 5 else ""
    words = _("Approved: %(names)s") % {"names": seen + more}
    if all(one.category != "UTILITY" for one in approved):
        return warning(words, _("Marketing templates are capped per person. Use a utility one."))
    return ok(words)


def _unanswered(answer: Answer[Any], to_do: str) -> Finding:
    """Meta refused: something is wrong. Nothing was asked, or no answer came: nobody knows."""
    if answer.refusal:
        return fails(answer.refusal, to_do)
    retry = _("Check the network and WHATSAPP_API_BASE, then check again.")
    return not_checked(answer.silence, to_do if answer.unasked else retry)


def _owner(facts: Facts) -> str:
    owner = facts.meta.owner.value
    return owner.name if owner and owner.name else _("an unnamed business")
