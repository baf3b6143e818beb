"""Certificate requests: which are signed, and why others are not."""

from typing import Any

import pytest

from chargepoints.services.signing_requests import RequestRefused, check_request
from tests.chargepoints.pki import csr_of, new_key


def tampered(csr: str) -> str:
    """Signed by another key than it names."""
    import base64

    lines = csr.strip().splitlines()
    raw = bytearray(base64.b64decode("".join(lines[1:-1])))
    raw[-1] ^= 1
    return "\n".join([lines[0], base64.b64encode(bytes(raw)).decode(), lines[-1]])


@pytest.mark.parametrize(
    ("csr", "name"),
    [
        (lambda: "no request", "Unreadable"),
        (lambda: csr_of("CP2"), "WrongCommonName"),
        (lambda: csr_of(None), "WrongCommonName"),
        (lambda: csr_of("CP1", "Umbrella"), "WrongOrganization"),
        (lambda: csr_of("CP1", key=new_key("RSA-1024")), "WeakKey"),
        (lambda: csr_of("CP1", key=new_key("P-192")), "WeakKey"),
        (lambda: csr_of("CP1", authority=True), "AsksForAuthority"),
        (lambda: "x" * 5501, "TooLong"),
        (lambda: tampered(csr_of("CP1")), "WrongSignature"),
    ],
)
def test_a_request_that_must_not_be_signed_is_refused_by_name(csr: Any, name: str) -> None:
    with pytest.raises(RequestRefused) as caught:
        check_request(csr(), common_names=["CP1", ""], organizations=["Acme"])
    assert caught.value.name == name


@pytest.mark.parametrize(
    ("common_name", "organization", "kind"),
    [("CP1", None, "P-256"), ("cp1", "acme", "P-384"), ("SN-7", "Acme", "RSA-2048")],
)
def test_the_identity_or_the_serial_number_may_be_the_common_name(
    common_name: str, organization: str | None, kind: str
) -> None:
    csr = csr_of(common_name, organization, key=new_key(kind))
    check_request(csr, common_names=["CP1", "SN-7"], organizations=["Acme"])
