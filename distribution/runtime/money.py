"""Amounts of money as people read them: ₹1,726.20, $0.05, EUR 3.00."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

SIGNS = {"INR": "₹", "USD": "$"}
CENT = Decimal("0.01")
ONE, TEN = Decimal(1), Decimal(10)


def about(amount: Decimal, currency: str) -> str:
    """Without hundredths from ten on: ₹1,726."""
    shown = money(amount, currency)
    return shown if abs(amount) < TEN else money(amount.quantize(ONE, ROUND_HALF_UP), currency)[:-3]


def money(amount: Decimal, currency: str) -> str:
    """Rounded to the hundredth, half up; a price below that keeps its digits: ₹0.0014."""
    sign = SIGNS.get(currency, f"{currency} ")
    if 0 < abs(amount) < CENT:
        return f"{sign}{amount.normalize():f}"
    return f"{sign}{amount.quantize(CENT, ROUND_HALF_UP):,}"
