"""Who sends: the app, business portfolios, WhatsApp Business Accounts and their numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import inf

from sandbox.templates.message_template import MessageTemplate
from sandbox.world.people import digits_of
from sandbox.world.throughput import HOUR_SECONDS, DailyPeople, PairLimiter, SlidingWindow

MINUTE_SECONDS = 60.0
PACED_BELOW = 500_000  # message templates sent in 365 days; with more a portfolio is not paced


SEND, MANAGE = "whatsapp_business_messaging", "whatsapp_business_management"
SCOPES = (SEND, MANAGE, "business_management")
# What an app can subscribe to, of the object whatsapp_business_account.
WEBHOOK_FIELDS = (
    "messages",
    "account_alerts",
    "account_review_update",
    "account_settings_update",
    "account_update",
    "business_capability_update",
    "message_template_components_update",
    "message_template_quality_update",
    "message_template_status_update",
    "phone_number_name_update",
    "phone_number_quality_update",
    "security",
    "template_category_update",
    "user_preferences",
)


@dataclass(slots=True)
class App:
    """The app: its token reaches every account, its webhooks of all of them go to one URL."""

    access_token: str
    app_secret: str
    verify_token: str
    webhook_url: str  # empty: webhooks go nowhere
    token_ok: bool = True
    id: str = "200000000000001"
    scopes: list[str] = field(default_factory=lambda: list(SCOPES))
    token_expires_at: int = 0  # Unix seconds, 0: never
    reaches_nothing: bool = False  # no account is assigned to the token's user
    fields: list[str] = field(default_factory=lambda: list(WEBHOOK_FIELDS))  # subscribed ones

    @property
    def own_token(self) -> str:
        """The app's token, for what concerns the app itself."""
        return f"{self.id}|{self.app_secret}"


@dataclass(slots=True)
class Portfolio:
    """What accounts of one business share: messaging limit, pacing, review."""

    id: str
    limit: int | None = None  # different people in 24 h, 0: no limit; None: that of the settings
    shown_limit: str = ""  # as a read call tells it, instead of the TIER_ of the limit
    people: DailyPeople = field(default_factory=DailyPeople)
    holding: bool = False  # a test holds everything for quality assessment
    under_review: bool = False  # after held messages were dropped: no sends, no new templates
    sent_365d: int = 0  # message templates accepted
    half_used_at: float | None = None  # since when half of the limit is used
    last_minute: SlidingWindow = field(default_factory=lambda: SlidingWindow(MINUTE_SECONDS))


@dataclass(slots=True)
class Waba:
    """A WhatsApp Business Account with its message templates, by name and language."""

    id: str
    portfolio: Portfolio
    templates: dict[tuple[str, str], MessageTemplate] = field(default_factory=dict)
    subscribed: bool = True  # its webhooks go to the app
    locked: bool = False
    restricted: bool = False
    restricted_until: float = inf  # if restricted
    disabled: bool = False
    review: str = "APPROVED"
    payment_ok: bool = True
    warned: bool = False  # of misclassification: categories change without a day's notice
    utility_limit: int | None = None  # messages in 24 h while templates are misclassified
    utility_sent: SlidingWindow = field(default_factory=lambda: SlidingWindow(24 * HOUR_SECONDS))
    utility_paused_at: float = -inf
    currency: str = "INR"
    timezone_id: str = "71"
    calls: SlidingWindow = field(default_factory=lambda: SlidingWindow(HOUR_SECONDS))
    has_insights: bool = False  # template_analytics was enabled
    comparisons: SlidingWindow = field(default_factory=lambda: SlidingWindow(HOUR_SECONDS))

    def is_restricted(self, now: float) -> bool:
        """Whether a restriction holds; one with an end expires by itself."""
        return self.restricted and now < self.restricted_until


@dataclass(slots=True)
class Number:
    """One business phone number and its counters."""

    id: str
    display: str
    rate: float
    waba: Waba
    quality: str = "GREEN"
    status: str = "CONNECTED"
    verified_name: str = "Daybreak"
    level: str = "STANDARD"
    refusal_code: int = 0  # answer this instead of the table's code while not CONNECTED
    upgrading_until: float = 0.0
    window: SlidingWindow = field(default_factory=SlidingWindow)
    pairs: PairLimiter = field(default_factory=PairLimiter)
    requests: int = 0
    accepted: int = 0
    refused: Counter[int] = field(default_factory=Counter)
    faulted: Counter[str] = field(default_factory=Counter)

    digits: str = ""  # the display number without signs, as webhooks show it

    def __post_init__(self) -> None:
        self.digits = digits_of(self.display)
