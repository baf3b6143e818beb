"""The figures on top of a session's page. Apps above add theirs; all of them are fetched anew while it runs."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.sections import Text
from chargepoints.models import Transaction

ACTIVE = Transaction.State.ACTIVE


@dataclass(frozen=True, slots=True)
class Figure:
    """`title` over `value` with its unit; `note` in small letters below."""

    title: Text
    value: str
    note: str = ""


# Called in the tenant's scope; an empty value is left out.
Provider = Callable[[Transaction], Iterable[Figure]]
_providers: dict[str, tuple[int, Provider]] = {}


def register_figures(name: str, *, order: int = 100) -> Callable[[Provider], Provider]:
    """Decorator: `provider(session)` gives figures; lower `order` comes first."""

    def register(provider: Provider) -> Provider:
        if name in _providers:
            raise ValueError(f"there are figures {name} already")
        _providers[name] = (order, provider)
        return provider

    return register


def figures_of(session: Transaction) -> list[Figure]:
    """Those of all apps, in order."""
    ordered = sorted(_providers.values(), key=lambda one: one[0])
    return [figure for _order, provider in ordered for figure in provider(session) if figure.value]


@register_figures("own", order=10)
def own_figures(session: Transaction) -> Iterable[Figure]:
    yield Figure(_("Energy"), shown_energy(session))
    if session.state == ACTIVE:
        yield Figure(_("Power"), shown_power(session))
    yield Figure(_("Duration"), shown_duration(session))


def shown_energy(session: Transaction) -> str:
    """`12.345 kWh`."""
    if session.energy_wh is None:
        return "–"
    return f"{number_format((session.energy_wh / 1000).quantize(Decimal('0.001')), 3, force_grouping=True)} kWh"


def shown_power(session: Transaction) -> str:
    """`11.0 kW` while it runs."""
    if session.state != ACTIVE or session.last_power_w is None:
        return "–"
    return f"{number_format(f'{session.last_power_w / 1000:.1f}')} kW"


def shown_duration(session: Transaction) -> str:
    """`1:05:09`, up to now while it runs."""
    seconds = int(((session.stopped_at or timezone.now()) - session.started_at).total_seconds())
    return shown_seconds(max(0, seconds))


def shown_seconds(seconds: int) -> str:
    """`1:05:09`."""
    return f"{seconds // 3600}:{seconds % 3600 // 60:02d}:{seconds % 60:02d}"
