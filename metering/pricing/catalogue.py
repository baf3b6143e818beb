"""Changing tariffs and where they apply, audited. Callers hold the tenant's scope.

A tariff is changed freely: sessions keep the one that they began with. Deleting one that sessions were charged by
archives it instead: it applies to no new session, and the sessions' history goes on naming it.
"""

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from metering.models import SessionTariff, Tariff, TariffAssignment
from metering.pricing.tariff import parse_terms
from tenants.services.audit import record

FIELDS = ("name", "currency", "elements", "min_price", "max_price", "valid_from", "valid_to", "archived")


def check_tariff(tariff: Tariff) -> None:
    """Raises TariffFaults for its terms, ValidationError (by field) for the rest."""
    parse_terms(
        currency=tariff.currency, elements=tariff.elements, min_price=tariff.min_price, max_price=tariff.max_price
    )
    errors = {}
    if tariff.valid_from and tariff.valid_to and tariff.valid_to <= tariff.valid_from:
        errors["valid_to"] = _("Ends before it begins.")
    if Tariff.objects.filter(name=tariff.name).exclude(pk=tariff.pk).exists():
        errors["name"] = _("There is a tariff of this name already.")
    if errors:
        raise ValidationError(errors)


def save_tariff(*, tariff: Tariff, fields: dict[str, Any], actor: str, origin: str) -> Tariff:
    """Create (no key yet) or change. Raises as `check_tariff`."""
    before = {name: getattr(tariff, name) for name in fields}
    for name, value in fields.items():
        setattr(tariff, name, value)
    check_tariff(tariff)
    action = "change" if tariff.pk else "create"
    tariff.save()
    changes = {name: [_text(old), _text(getattr(tariff, name))] for name, old in before.items()}
    changes = {name: pair for name, pair in changes.items() if action == "create" or pair[0] != pair[1]}
    record(actor=actor, origin=origin, action=action, target=tariff, changes=changes)
    return tariff


def remove_tariff(*, tariff: Tariff, actor: str, origin: str) -> bool:
    """Delete it; one that was used is archived. Whether it is gone."""
    locked = Tariff.objects.select_for_update().get(pk=tariff.pk)
    if SessionTariff.objects.filter(tariff=locked).exists():
        locked.archived = True
        locked.save(update_fields=["archived", "updated_at"])
        record(actor=actor, origin=origin, action="archive", target=locked)
        return False
    record(actor=actor, origin=origin, action="delete", target=locked)
    locked.delete()
    return True


def assign_tariff(*, tariff: Tariff, target: dict[str, Any], actor: str, origin: str) -> TariffAssignment:
    """`target`: at most one of id_tag, charge_point, site; none of them: everywhere. Raises ValidationError."""
    if TariffAssignment.objects.filter(**{"id_tag": None, "charge_point": None, "site": None} | target, tariff=tariff):
        raise ValidationError(_("This tariff is assigned there already."))
    row = TariffAssignment.objects.create(tenant_id=tariff.tenant_id, tariff=tariff, **target)
    record(actor=actor, origin=origin, action="create", target=row)
    return row


def unassign_tariff(*, assignment: TariffAssignment, actor: str, origin: str) -> None:
    """Sessions that run keep it."""
    record(actor=actor, origin=origin, action="delete", target=assignment)
    assignment.delete()


def _text(value: Any) -> Any:
    return value if value is None or isinstance(value, list) else str(value)
