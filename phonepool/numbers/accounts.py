"""Our WhatsApp Business accounts (WABAs): which are ours, and whose number or notice it is.

Meta posts the notices of all accounts of an app to one address. Ours are the rows of `Waba` and
WHATSAPP_BUSINESS_ID, whose row is created when it is first needed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.conf import settings
from django.db import connection

from phonepool.models import PhoneNumber, Portfolio, Waba


@dataclass(frozen=True, slots=True)
class OwnAccounts:
    """The accounts that are ours, by Meta's id."""

    wabas: Mapping[str, Waba]
    configured: str  # WHATSAPP_BUSINESS_ID; without a portfolio it has no row yet

    def is_foreign(self, account: str) -> bool:
        """Whether a notice about this account is none of our business.

        Nothing is known to be foreign while no account is known, or where Meta names none.
        """
        known = bool(self.wabas or self.configured)
        return known and account not in ("", self.configured) and account not in self.wabas

    def portfolio(self, account: str) -> Portfolio | None:
        """The portfolio of an account; of one without a row the first, which is usually the only
        one."""
        waba = self.wabas.get(account)
        return waba.portfolio if waba else Portfolio.objects.order_by("pk").first()

    def ids(self) -> list[str]:
        """Meta's ids of all of them, to ask about each."""
        return [*self.wabas] or [self.configured] * bool(self.configured)


def own_accounts() -> OwnAccounts:
    """Our accounts; creates the row of WHATSAPP_BUSINESS_ID if it is missing."""
    wabas = {waba.meta_id: waba for waba in Waba.objects.select_related("portfolio")}
    configured = settings.WHATSAPP_BUSINESS_ID
    if configured and configured not in wabas and (created := _create(configured)):
        wabas[configured] = created
    return OwnAccounts(wabas, configured)


def _create(meta_id: str) -> Waba | None:
    """Its row in the first portfolio; none before there is a portfolio."""
    portfolio = Portfolio.objects.order_by("pk").first()
    if portfolio is None:
        return None
    waba, _ = Waba.objects.select_related("portfolio").get_or_create(
        meta_id=meta_id, defaults={"portfolio": portfolio}
    )
    return waba


def others_exist(waba_id: int | None) -> bool:
    """Whether there is an account beside this one.

    In plain SQL, because it is asked for every batch: the ORM takes several times as long.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM phonepool_waba WHERE id <> %s LIMIT 1", [waba_id or 0])
        return cursor.fetchone() is not None


def assign_numbers(waba: Waba, meta_ids: Collection[str]) -> int:
    """Gives numbers without an account the one that lists them, if its portfolio is theirs; how
    many."""
    without = PhoneNumber.objects.filter(waba__isnull=True, portfolio=waba.portfolio_id)
    return without.filter(meta_id__in=meta_ids).update(waba=waba)


def adopt_numbers() -> int:
    """Gives numbers without an account that of their portfolio, if it has only one; how many."""
    adopted = 0
    without = PhoneNumber.objects.filter(waba__isnull=True)
    for portfolio in Portfolio.objects.filter(numbers__waba__isnull=True).distinct():
        wabas = list(portfolio.wabas.all()[:2])
        if len(wabas) == 1:
            adopted += without.filter(portfolio=portfolio).update(waba=wabas[0])
    return adopted
