"""What messages cost: Meta's prices as dated rows, and the sums of each distribution."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from distribution.models.content import MessageTemplate
from distribution.models.distributions import Distribution
from phonepool.constraints import value_is_known
from phonepool.models import PhoneNumber, Waba

MAX_PREFIX_CHARACTERS = 8  # a plus and a country code, with an area code in North America
CURRENCY_CHARACTERS = 3  # ISO 4217


class Rate(models.Model):
    """Meta's price of one delivered message, without tax, from a day on.

    Of several days the latest counts. Prices by volume are several rows that differ in `from_n`;
    deliveries refer to the first of them.
    """

    market = models.CharField(max_length=60)  # as Meta calls it
    prefix = models.CharField("phone prefix", max_length=MAX_PREFIX_CHARACTERS)  # +91
    category = models.CharField(max_length=40)  # as statuses spell it: utility, marketing, …
    # The price holds from this message of the calendar month on, of a portfolio.
    from_n = models.PositiveBigIntegerField("from message no.", default=1, db_default=1)
    price = models.DecimalField(max_digits=12, decimal_places=6)
    currency = models.CharField(max_length=CURRENCY_CHARACTERS)
    valid_from = models.DateField()  # at midnight in the account's time zone
    source = models.CharField(max_length=200)  # where the price is from, and as of when

    class Meta:
        ordering = ["market", "category", "currency", "-valid_from", "from_n"]
        permissions = [("import_rate", "Can import rates")]
        constraints = [
            models.UniqueConstraint(
                fields=["prefix", "category", "currency", "valid_from", "from_n"], name="rate_once"
            ),
            models.CheckConstraint(
                condition=Q(price__gte=0, from_n__gte=1), name="rate_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.market} {self.category} from {self.valid_from:%-d %b %Y}"


class Charged(models.TextChoices):
    """Whether and how a delivered message is charged."""

    CHARGED = "CHARGED", _("Charged")
    FREE = "FREE", _("Free")  # Meta said so
    UNPRICED = "UNPRICED", _("No pricing from Meta")  # no status had a pricing block
    NO_RATE = "NO_RATE", _("No rate")  # charged, but we have no price for it


class Cost(models.Model):
    """The delivered messages of a distribution that are alike; only `cost/booking.py` writes it."""

    distribution = models.ForeignKey(Distribution, models.PROTECT, related_name="costs")
    morning = models.DateField()  # the distribution's day, in India
    charged_on = models.DateField()  # the day of delivery in the account's time zone
    tier = models.CharField(max_length=8)
    number = models.ForeignKey(
        PhoneNumber, models.PROTECT, null=True, db_index=False, related_name="+"
    )
    message_template = models.ForeignKey(
        MessageTemplate, models.PROTECT, null=True, db_index=False, related_name="+"
    )
    category = models.CharField(max_length=40)  # empty if unpriced
    charged = models.CharField(max_length=8, choices=Charged)
    rate = models.ForeignKey(Rate, models.PROTECT, null=True, related_name="+")
    currency = models.CharField(max_length=CURRENCY_CHARACTERS)  # empty without a rate
    count = models.PositiveIntegerField()
    amount = models.DecimalField(max_digits=16, decimal_places=6)  # without tax; 0 without a rate

    class Meta:
        indexes = [
            models.Index(fields=["morning"], name="cost_morning"),
            models.Index(fields=["charged_on"], name="cost_charged_on"),
        ]
        constraints = [value_is_known("cost", "charged", Charged)]

    def __str__(self) -> str:
        return f"{self.morning} {self.category}: {self.count}"


class StaffCharge(models.Model):
    """A delivered test message to a phone of the staff: of a content, the set-up or a preflight.
    Only `cost/staff_messages.py` writes it."""

    # SHA-256 of Meta's message id: the id itself holds the number.
    digest = models.CharField(max_length=64, unique=True)
    charged_on = models.DateField(db_index=True)  # in the account's time zone
    number = models.ForeignKey(
        PhoneNumber, models.PROTECT, null=True, db_index=False, related_name="+"
    )
    category = models.CharField(max_length=40)  # empty if unpriced
    charged = models.CharField(max_length=8, choices=Charged)
    currency = models.CharField(max_length=CURRENCY_CHARACTERS)  # empty without a rate
    amount = models.DecimalField(max_digits=16, decimal_places=6)  # without tax; 0 without a rate

    class Meta:
        constraints = [value_is_known("staffcharge", "charged", Charged)]

    def __str__(self) -> str:
        return f"{self.charged_on} {self.category}"


class CostCheck(models.Model):
    """Our charges of one day beside Meta's own sums: `mirror/cost_check.py` writes it."""

    waba = models.ForeignKey(Waba, models.PROTECT, related_name="+", db_index=False)
    day = models.DateField()  # in the account's time zone
    category = models.CharField(max_length=40)
    number = models.ForeignKey(
        PhoneNumber, models.PROTECT, null=True, db_index=False, related_name="+"
    )
    currency = models.CharField(max_length=CURRENCY_CHARACTERS)
    our_messages = models.PositiveIntegerField()
    metas_messages = models.PositiveIntegerField()
    our_amount = models.DecimalField(max_digits=16, decimal_places=6)
    metas_amount = models.DecimalField(max_digits=16, decimal_places=6)
    at = models.DateTimeField()  # of the comparison

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["waba", "day", "category", "number"],
                name="cost_check_once",
            )
        ]
        indexes = [models.Index(fields=["day"], name="cost_check_day")]

    def __str__(self) -> str:
        return f"{self.day} {self.category}: {self.our_messages}, Meta's {self.metas_messages}"
