"""Commands are in the audit trail under the protocol's names: its filter offers them."""

from chargepoints.protocol.actions import actions_to_station
from tenants.admin.trail_words import register_actions


def sent_to_stations() -> frozenset[str]:
    return actions_to_station("1.6")


register_actions(sent_to_stations)
