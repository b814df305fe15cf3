"""What an empty list says: what applies now, and what makes a row appear."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

Words = str | Promise | Callable[[], str]


def _daily_time() -> str:
    return _("%s IST applies (from the settings). Add a daily time to change it from a day on.") % (
        f"{settings.DAILY_TIME:%H:%M}"
    )


EMPTY: dict[str, Words] = {
    "distribution.notification": gettext_lazy("E-mails to staff are listed here."),
    "admin.logentry": gettext_lazy("Everything that staff and API tokens do is recorded here."),
    "auth.group": gettext_lazy("A role says what its members can do."),
    "auth.user": gettext_lazy("Everyone who signs in has an account here."),
    "axes.accessattempt": gettext_lazy(
        "Wrong passwords are listed here. Delete a row to unlock that person or address."
    ),
    "distribution.alert": gettext_lazy(
        "An alert opens when something needs attention and closes when it is over."
    ),
    "distribution.apitoken": gettext_lazy("Other systems need a token to use the API."),
    "distribution.approval": gettext_lazy(
        "Submitted, approved and rejected content is recorded here."
    ),
    "distribution.attempt": gettext_lazy(
        "Calls to WhatsApp that were not accepted are recorded here. There are none."
    ),
    "distribution.blackoutdate": gettext_lazy(
        "Messages are sent every day. On a blackout date nothing is sent."
    ),
    "distribution.content": gettext_lazy(
        "Each day needs approved content. On days without it the fallback is sent."
    ),
    "distribution.alertchannel": gettext_lazy(
        "Without a channel, alerts are only listed here. Add PagerDuty, Slack, Teams or e-mail."
    ),
    "distribution.alertroute": gettext_lazy(
        "A route says which alerts go to which channel. Without one, channels get nothing."
    ),
    "distribution.dailytime": _daily_time,
    "distribution.delivery": gettext_lazy(
        "When a distribution starts, each of its recipients gets a delivery here."
    ),
    "distribution.distribution": gettext_lazy(
        "The first distribution starts at the daily time, once a day has approved content."
    ),
    "distribution.eventdelivery": gettext_lazy(
        "Events sent to the addresses under Event subscriptions are listed here."
    ),
    "distribution.eventsubscription": gettext_lazy(
        "Add the address of another system to send it events, such as a finished distribution."
    ),
    "distribution.messagetemplate": gettext_lazy(
        "Create and submit templates in Meta’s WhatsApp Manager. They appear here after a sync."
    ),
    "distribution.onetime": gettext_lazy(
        "Only the daily distribution is scheduled. A one-time distribution sends at another time."
    ),
    "distribution.rotationgroup": gettext_lazy(
        "A group keeps a second template ready. Daybreak changes to it when people block the first."
    ),
    "distribution.templatedraft": gettext_lazy(
        "When people block a template, Daybreak drafts a better version here. You can also ask for "
        "one on the template’s page."
    ),
    "phonepool.phonenumber": gettext_lazy(
        "Nothing can be sent without a phone number from your WhatsApp account."
    ),
    "phonepool.portfolio": gettext_lazy(
        "A portfolio is your business at Meta. It owns the WhatsApp accounts and phone numbers."
    ),
    "phonepool.waba": gettext_lazy(
        "A WhatsApp account belongs to a portfolio and owns phone numbers and templates."
    ),
    "subscribers.importjob": gettext_lazy(
        "Import a CSV or Excel file to add subscribers. Nothing is saved until you confirm."
    ),
    "subscribers.subscriber": gettext_lazy("Import a list, or add people one at a time."),
    "subscribers.suppression": gettext_lazy("Nobody outside your list has sent STOP."),
    "webhooks.webhookevent": gettext_lazy(
        "Meta’s webhooks are stored here. Without any, check the webhook settings of your app."
    ),
}


def words(model_label: str) -> str:
    """In lower case: `app.model`. Nothing for a model without a line."""
    found = EMPTY.get(model_label, "")
    return found() if callable(found) else str(found)
