"""What was true when a rule paused a distribution, so that a change of its cause is seen. Pure but
for `read`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils.crypto import salted_hmac

from distribution.content import readiness
from distribution.models import Distribution, MessageTemplate
from phonepool.cloud_api import credentials
from phonepool.errors import PORTFOLIO_PACING, PROXY_ANSWER, Action, Failure, FailureCategory
from phonepool.models import PhoneNumber

Facts = Mapping[str, Any]
# A fault at Meta ends by itself: a dozen messages try again after this, none is charged, and the
# next trial follows after twice the time, sixteen minutes at most.
SERVER_TRIAL_AFTER = timedelta(seconds=60)
DOUBLINGS_LIMIT = 4


def read(distribution_id: int, cause: str, now: datetime) -> dict[str, Any]:
    """The token (as a keyed hash), the template, the content and the usable numbers of now.

    `cause` is the slug of the failure for which it is paused.
    """
    distribution = Distribution.objects.select_related(
        "content__message_template",
        "message_template",
        "rung__content__message_template",
        "rung__message_template",
    ).get(pk=distribution_id)
    content, template = distribution.used_content, distribution.used_template
    problems = readiness.problems_on(content, distribution.local_date) if content else []
    return {
        "cause": cause,
        "at": now.isoformat(),
        "token": salted_hmac("pause", credentials.access_token()).hexdigest()[:16],
        "template": _template_facts(template) if template else "",
        "content": _digest([content.pk, content.media]) if content else "",
        "sendable": not problems,
        "numbers": sorted(PhoneNumber.objects.usable().values_list("pk", flat=True)),
        "tried": distribution.pause_facts.get("tried", {}),
        "trials": distribution.pause_facts.get("trials", 0),
    }


def is_cause_gone(failure: Failure, then: Facts, now: Facts) -> bool:
    """Whether something has changed since the pause that can remove its cause.

    A change that was tried before, and after which the fault was still there, is not enough. Of a
    proxy's answers nobody knows whether the message went out, and a review of the portfolio is
    Meta's, so a person ends these pauses.
    """
    if failure in (PROXY_ANSWER, PORTFOLIO_PACING):
        return False
    if failure.category is FailureCategory.ACCOUNT:
        return _changed("token", then, now)
    if failure.category is FailureCategory.SERVER_ERROR:
        wait: timedelta = SERVER_TRIAL_AFTER * 2 ** min(then["trials"], DOUBLINGS_LIMIT)
        return datetime.fromisoformat(now["at"]) >= datetime.fromisoformat(then["at"]) + wait
    if failure.category is FailureCategory.NUMBER:
        return bool(set(now["numbers"]) - set(then["numbers"]))
    if failure.action in (Action.TEMPLATE, Action.FIX):
        return bool(now["sendable"]) and (
            _changed("template", then, now) or _changed("content", then, now)
        )
    return False


def with_template_of(now: Facts, then: Facts) -> dict[str, Any]:
    """`then` with the template as it is now. It may have been paused at Meta before our copy of
    it was: it comes back as it was then, which is a change from now."""
    return {**then, "template": now["template"]}


def after_trial(then: Facts, now: Facts) -> dict[str, Any]:
    """The facts to keep when the distribution is resumed for this change."""
    tried = {name: now[name] for name in ("token", "template", "content")}
    return {**then, "tried": tried, "trials": then["trials"] + 1}


def _template_facts(template: MessageTemplate) -> str:
    """Of the template in each of our accounts: any of them may come back."""
    rows = MessageTemplate.objects.filter(name=template.name, language=template.language)
    return _digest([[row.waba_id, row.status, row.components] for row in rows.order_by("pk")])


def _changed(name: str, then: Facts, now: Facts) -> bool:
    return now[name] not in (then[name], then["tried"].get(name))


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
