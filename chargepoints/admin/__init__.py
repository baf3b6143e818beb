"""Back office pages of this app."""

from chargepoints.admin import attempts, charge_points, commands, gateways, id_tags, sites, transactions

__all__ = ["attempts", "charge_points", "commands", "gateways", "id_tags", "sites", "transactions"]
