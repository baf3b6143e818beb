"""Models of the charge points app."""

from chargepoints.models.charge_point import ChargePoint, Registration, SecurityProfile
from chargepoints.models.command import Command, CommandState
from chargepoints.models.configuration import ConfigurationKey
from chargepoints.models.connection import Gateway, StationConnection
from chargepoints.models.connector import Connector, ConnectorStatus, Evse, StatusChange
from chargepoints.models.id_tag import IdTag
from chargepoints.models.message_log import LoggedMessage
from chargepoints.models.sign_in_attempt import SignInAttempt
from chargepoints.models.site import Site
from chargepoints.models.transaction import Transaction, UnmatchedStop

__all__ = [
    "ChargePoint",
    "Command",
    "CommandState",
    "ConfigurationKey",
    "Connector",
    "ConnectorStatus",
    "Evse",
    "Gateway",
    "IdTag",
    "LoggedMessage",
    "Registration",
    "SecurityProfile",
    "SignInAttempt",
    "Site",
    "StationConnection",
    "StatusChange",
    "Transaction",
    "UnmatchedStop",
]
