"""Models of the charge points app."""

from chargepoints.models.authorization import AuthorizationWebhook, LocalAuthList
from chargepoints.models.bulk import BulkCommand, BulkTarget
from chargepoints.models.charge_point import ChargePoint, Registration, SecurityProfile
from chargepoints.models.command import Command, CommandState, Outcome
from chargepoints.models.configuration import ConfigurationKey
from chargepoints.models.connection import Gateway, StationConnection
from chargepoints.models.connector import Connector, ConnectorStatus, Evse, StatusChange
from chargepoints.models.firmware import FirmwareFile, FirmwareRollout, FirmwareUpdate
from chargepoints.models.hint import DismissedHint
from chargepoints.models.id_tag import IdTag
from chargepoints.models.message_log import LoggedMessage
from chargepoints.models.note import ChargePointNote
from chargepoints.models.reservation import Reservation
from chargepoints.models.security import (
    CertificateAuthority,
    InstalledCertificate,
    SecurityEvent,
    SecuritySettings,
    StationCertificate,
)
from chargepoints.models.sign_in_attempt import SignInAttempt
from chargepoints.models.site import Site
from chargepoints.models.transaction import Transaction, UnmatchedStop
from chargepoints.models.upload import StationUpload
from chargepoints.models.uptime import FleetOnlineDay, OnlineDay, PastConnection

__all__ = [
    "AuthorizationWebhook",
    "BulkCommand",
    "BulkTarget",
    "CertificateAuthority",
    "ChargePoint",
    "ChargePointNote",
    "Command",
    "CommandState",
    "ConfigurationKey",
    "Connector",
    "ConnectorStatus",
    "DismissedHint",
    "Evse",
    "FirmwareFile",
    "FirmwareRollout",
    "FirmwareUpdate",
    "FleetOnlineDay",
    "Gateway",
    "IdTag",
    "InstalledCertificate",
    "LocalAuthList",
    "LoggedMessage",
    "OnlineDay",
    "Outcome",
    "PastConnection",
    "Registration",
    "Reservation",
    "SecurityEvent",
    "SecurityProfile",
    "SecuritySettings",
    "SignInAttempt",
    "Site",
    "StationCertificate",
    "StationConnection",
    "StationUpload",
    "StatusChange",
    "Transaction",
    "UnmatchedStop",
]
