"""CALLERROR codes (OCPP-J 1.6 §4.2.3; 2.0.1 part 4 §4.3) and the exception that carries one."""

from enum import StrEnum
from typing import Any


class Code(StrEnum):
    """Codes by meaning, spelled as 2.x does; `spell` gives the version's own spelling."""

    NOT_IMPLEMENTED = "NotImplemented"
    NOT_SUPPORTED = "NotSupported"
    INTERNAL = "InternalError"
    PROTOCOL = "ProtocolError"
    SECURITY = "SecurityError"
    FORMAT = "FormatViolation"
    PROPERTY = "PropertyConstraintViolation"
    OCCURRENCE = "OccurrenceConstraintViolation"
    TYPE = "TypeConstraintViolation"
    GENERIC = "GenericError"
    RPC_FRAMEWORK = "RpcFrameworkError"
    MESSAGE_TYPE = "MessageTypeNotSupported"


_SPELLING_16 = {
    Code.FORMAT: "FormationViolation",
    Code.OCCURRENCE: "OccurenceConstraintViolation",
    # 1.6 has no codes of its own for a broken frame.
    Code.RPC_FRAMEWORK: "FormationViolation",
    Code.MESSAGE_TYPE: "FormationViolation",
}
MAX_DESCRIPTION = 255


def spell(code: Code, version: str) -> str:
    """The code as `version` ("1.6", "2.0.1", "2.1") writes it."""
    return _SPELLING_16.get(code, code.value) if version == "1.6" else code.value


class OcppError(Exception):
    """Answered as a CALLERROR. `details` is what the other side may see."""

    def __init__(self, code: Code, description: str = "", details: dict[str, Any] | None = None) -> None:
        super().__init__(f"{code}: {description}")
        self.code, self.description, self.details = code, description[:MAX_DESCRIPTION], details or {}


def violation(code: Code, path: str, fault: str) -> OcppError:
    """A field that breaks its schema: `details` is `{"errors": [{"path", "fault"}]}`."""
    return OcppError(code, f"{path or 'payload'}: {fault}", {"errors": [{"path": path, "fault": fault[:120]}]})
