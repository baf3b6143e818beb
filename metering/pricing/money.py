"""Money: one rounding rule, currencies and their minor units, sums that add up. Knows no tariff.

The rule is half-up (commercial rounding: half a unit goes up), applied to the exact value, once per step:
lines to four decimals, totals to the minor unit of the currency.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

LINE_PLACES = 4
# ISO 4217, the codes in use. Two decimals unless listed below.
_CODES = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY
    COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR
    ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK
    MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF
    SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU
    UZS VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG"""
_WITHOUT_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_WITH_THREE = "BHD IQD JOD KWD LYD OMR TND"
CURRENCIES = frozenset(_CODES.split())
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
    """`1,234.50 €`; the code where there is no well-known sign."""
    digits = minor_digits(currency) if places is None else places
    return f"{half_up(amount, digits):,.{digits}f} {_SIGNS.get(currency, currency)}"
