"""Notes of people about a charge point. Each leaves a row in the trail of the charge point itself."""

from chargepoints.models import ChargePoint, ChargePointNote
from tenants.context import tenant_transaction
from tenants.services.audit import record

LONGEST = 5000


def add_note(*, charge_point: ChargePoint, author: str, text: str, origin: str) -> ChargePointNote:
    """Keep `text` (1 to 5,000 characters, checked by the form) as of now."""
    with tenant_transaction(charge_point.tenant_id):
        note = ChargePointNote.objects.create(
            tenant_id=charge_point.tenant_id, charge_point=charge_point, author=author[:150], text=text[:LONGEST]
        )
        record(actor=author, origin=origin, action="note", target=charge_point, changes={"note": [None, note.text]})
    return note


def delete_note(*, note: ChargePointNote, actor: str, origin: str) -> bool:
    """Take it away; what it said stays in the trail. False where someone was quicker."""
    with tenant_transaction(note.tenant_id):
        gone, _tables = ChargePointNote.objects.filter(pk=note.pk).delete()
        if gone:
            changes = {"note": [note.text, None], "author": note.author}
            record(actor=actor, origin=origin, action="delete note", target=note.charge_point, changes=changes)
    return bool(gone)
