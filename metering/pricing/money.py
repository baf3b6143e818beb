"""Money: one rounding rule, currencies and their minor units, sums that add up. Knows no tariff.

The rule is half-up (commercial rounding: half a unit goes up), applied to the exact value, once per step:
lines to four decimals, totals to the minor unit of the currency.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from django.utils.formats import number_format

from tenants import currencies

LINE_PLACES = 4
# ISO 4217. Two decimals unless listed below.
CURRENCIES = currencies.CURRENCIES
_WITHOUT_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_WITH_THREE = "BHD IQD JOD KWD LYD OMR TND"
_DIGITS = {**dict.fromkeys(_WITHOUT_DECIMALS.split(), 0), **dict.fromkeys(_WITH_THREE.split(), 3)}
_SIGNS = {"EUR": "€", "GBP": "£", "USD": "$", "JPY": "¥"}


def minor_digits(currency: str) -> int:
    """Decimals of the currency's smallest unit (ISO 4217)."""
    return _DIGITS.get(currency, 2)


def half_up(value: Fraction | Decimal | int, places: int) -> Decimal:
    """Rounded half-up (away from zero) to `places` decimals, from the exact value."""
    exact = Fraction(value)
    scaled = abs(exact) * 10**places
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Decimal(whole if exact >= 0 else -whole).scaleb(-places)


def apportion(total: Decimal, weights: Sequence[Decimal], places: int) -> list[Decimal]:
    """`total` in parts proportional to `weights` (none negative), whole units of `places` decimals that add up.

    What rounding down leaves over goes to the largest remainders, the first of equals first.
    Weights that are all zero: everything to the first.
    """
    if not weights:
        return []
    weights = weights if any(weights) else [Decimal(1), *[Decimal(0)] * (len(weights) - 1)]
    units, whole = Fraction(total) * 10**places, Fraction(sum(weights))
    exact = [units * Fraction(weight) / whole for weight in weights]
    parts = [share.numerator // share.denominator for share in exact]
    order = sorted(range(len(parts)), key=lambda index: (parts[index] - exact[index], index))
    for index in order[: int(units) - sum(parts)]:
        parts[index] += 1
    return [Decimal(part).scaleb(-places) for part in parts]


def shown_amount(amount: Decimal, currency: str, *, places: int | None = None) -> str:
    """`1,234.50 €`, as the reader's language writes it; the code where there is no well-known sign."""
    digits = minor_digits(currency) if places is None else places
    number = number_format(half_up(amount, digits), digits, force_grouping=True)
    return f"{number} {_SIGNS.get(currency, currency)}"
