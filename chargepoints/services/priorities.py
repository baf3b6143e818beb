"""Which command goes first where several wait for one station: a stop before everything, diagnostics last."""

# Lower goes first; within one number in the order of asking. What follows on another of the same number relies on
# that: a reset on the configuration that it is to put into force, a profile on the certificate that it needs.
PRIORITIES = {
    "RemoteStopTransaction": 1,
    # Somebody stands there with a stuck cable.
    "UnlockConnector": 2,
    "RemoteStartTransaction": 3,
    # Limits protect a fuse.
    "SetChargingProfile": 3,
    "ClearChargingProfile": 3,
    "ReserveNow": 4,
    "CancelReservation": 4,
    "ChangeAvailability": 4,
    # The station waits for it.
    "CertificateSigned": 4,
    "TriggerMessage": 5,
    "ExtendedTriggerMessage": 5,
    "ClearCache": 5,
    "DataTransfer": 5,
    "ChangeConfiguration": 6,
    "InstallCertificate": 6,
    "DeleteCertificate": 6,
    "SendLocalList": 6,
    "Reset": 6,
    "GetConfiguration": 7,
    "GetLocalListVersion": 7,
    "GetInstalledCertificateIds": 7,
    "GetCompositeSchedule": 7,
    "UpdateFirmware": 8,
    "SignedUpdateFirmware": 8,
    "GetDiagnostics": 9,
    "GetLog": 9,
}
DEFAULT_PRIORITY = 5


def priority_of(action: str) -> int:
    """The command's place in the queue of its station."""
    return PRIORITIES.get(action, DEFAULT_PRIORITY)
