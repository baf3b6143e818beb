"""The ledger of a tree brought in line with what is known by now, before a round decides. In the round's transaction.

What stations have answered, dropped, begun and ended since the last round, and what each connector counts with for it.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from smartcharging.models import Allotment
from smartcharging.models.profile import Purpose
from smartcharging.services import ledger
from smartcharging.services.reading import Seat, Tree
from smartcharging.services.sending import take_back

State = Allotment.State


def settle_tree(tree: Tree, now: datetime) -> list[tuple[Seat, Decimal | None]]:
    """Bring the ledger in line with what is known by now; the seats that have taken another limit, with the one before."""
    taken: list[tuple[Seat, Decimal | None]] = []
    withdrawn = []
    for seat in tree.seats:
        row, booted_at = seat.row, seat.station.last_boot_at
        if not seat.managed:
            # Its circuit is switched off; what it holds is cleared by whoever did that.
            ledger.forget(row, seat.member.max_a)
            continue
        before = row.confirmed_a
        if (
            ledger.settle(row, row.command, booted_at=booted_at, now=now) == "accepted"
            and row.confirmed_a is not None
            and row.confirmed_a != before
        ):
            taken.append((seat, before))
        ledger.settle_default(row, row.default_command, booted_at=booted_at, now=now)
        ledger.note_boot(row, booted_at)
        _note_dropped(seat, tree)
        if not seat.haunted:
            command_id = row.command_id
            if ledger.note_session(row, seat.session.pk if seat.session else None) and command_id is not None:
                withdrawn.append(command_id)
    take_back(withdrawn)
    count_anew(tree.seats)
    return taken


def _note_dropped(seat: Seat, tree: Tree) -> None:
    """What was confirmed, and lies at the station no more: cleared by somebody, or dropped by the station."""
    row, (charge_point_id, evse_number) = seat.row, seat.place
    if row.default_a is not None and (charge_point_id, evse_number, Purpose.TX_DEFAULT.value, None) not in tree.held:
        row.default_a = None
    if (
        row.confirmed_a is not None
        and (charge_point_id, evse_number, Purpose.TX.value, row.transaction_id) not in tree.held
    ):
        row.confirmed_a = None


def count_anew(seats: Iterable[Seat]) -> None:
    for seat in seats:
        row, most = seat.row, seat.member.max_a
        row.worst_a = ledger.worst_of(row, max_a=most, online=seat.online) if seat.managed else most
        if seat.haunted:
            row.worst_a = max(row.worst_a, ledger.rest_of(row, most))
        # What was lost or refused stays that, wherever the station is meanwhile.
        if row.state not in (State.SENDING, State.FAILED):
            known = State.CONFIRMED if row.confirmed_a is not None else State.UNKNOWN
            row.state = known if seat.online else State.OFFLINE


def let_go(tree: Tree) -> None:
    """The tree is switched off: its connectors may take all from now on; what they hold is cleared (`release`)."""
    for seat in tree.seats:
        ledger.forget(seat.row, seat.member.max_a)
