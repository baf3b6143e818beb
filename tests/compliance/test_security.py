"""The security extension: sign-in by password and certificate, their renewal, profiles, roots, security events."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from chargepoints.services.pem import hash_data
from tests.chargepoints.pki import csr_of, key_pem, new_key, pem
from tests.chargepoints.test_connection import refused
from tests.compliance.conftest import Dial
from tests.compliance.people import Operator
from tests.compliance.station import ScriptedStation, at, call, dial
from tests.compliance.tls import Identity, client_context, tls_proxy
from tests.conftest import eventually

WRONG = "wrong-password-0123456789"


async def add_station(operator: Operator, profile: int, **fields: Any) -> str:
    """CP1 of this security profile; its password."""
    created = await operator.post("chargepoints", {"chargePointId": "CP1", "securityProfile": profile, **fields})
    return str(created["password"])


# --- 073: password ---


async def test_073_update_of_the_password(operator: Operator, line: Dial) -> None:
    """Update of the password for HTTP Basic"""
    old = await add_station(operator, 1)
    async with line(password=old) as station:
        await station.boot()
        station.answers["ChangeConfiguration"] = {"status": "Accepted"}
        command = await operator.tell("rotate-password")
        asked = await station.was_asked("ChangeConfiguration")
        assert (command["status"], asked["key"]) == ("accepted", "AuthorizationKey")
        # 16 to 20 bytes, in hex.
        assert re.fullmatch(r"([0-9A-Fa-f]{2}){16,20}", asked["value"])
        assert (await operator.get("chargepoints/CP1/security"))["passwordRotation"] is True
    new = bytes.fromhex(asked["value"])
    async with line(password=new) as station:
        assert (await station.boot()).status == "Accepted"
        assert (await operator.get("chargepoints/CP1/security"))["passwordRotation"] is False
    assert await refused(line(password=old)) == 401


# --- TLS ---


class Site:
    """The proxy before the gateway, and what a station trusts and shows."""

    def __init__(self, address: str, root: Identity, authority: Identity, folder: Path) -> None:
        self.address, self.root, self.authority, self.folder = address, root, authority, folder

    def line(self, own: Identity | None = None, *, identity: str = "CP1", **options: Any) -> Any:
        return dial(self.address, identity, ssl=client_context(self.root, self.folder, own), **options)


@pytest.fixture
async def site(gateway: str, operator: Operator, settings: Any, tmp_path: Path) -> AsyncIterator[Site]:
    """Acme has brought its own authority, which signs its stations' certificates."""
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    root, authority = Identity.make("Proxy's root"), Identity.make("Acme's stations")
    shown = pem(authority.certificate)
    await operator.post("certificate-authorities", {"certificate": shown, "privateKey": key_pem(authority.key)})
    async with tls_proxy(gateway, root, tmp_path, shown) as address:
        yield Site(address, root, authority, tmp_path)


async def request_certificate(operator: Operator, station: ScriptedStation, answer: str) -> tuple[str, Any]:
    """Asked for by the operator, signed by us; (the chain that the station was given, its key)."""
    station.answers |= {"ExtendedTriggerMessage": {"status": "Accepted"}, "CertificateSigned": {"status": answer}}
    command = await operator.tell("renew-certificate")
    assert await station.was_asked("ExtendedTriggerMessage") == {"requestedMessage": "SignChargePointCertificate"}
    assert command["status"] == "accepted"
    key = new_key()
    assert (await station.tell(call.SignCertificate(csr=csr_of("CP1", "Acme", key=key)))).status == "Accepted"
    signed = await station.was_asked("CertificateSigned")
    return signed["certificateChain"], key


async def certificate_is(operator: Operator, status: str) -> Any:
    """The station's newest certificate, once it is in this state."""

    async def look() -> Any:
        row = (await operator.get("chargepoints/CP1/certificates"))[0]
        return row if row["status"] == status else None

    return await eventually(look)


async def test_074_renewal_of_the_certificate(operator: Operator, site: Site) -> None:
    """Renewal of the station's certificate, asked for by us"""
    await add_station(operator, 3)
    old = Identity.make("CP1", site.authority)
    async with site.line(old) as station:
        await station.boot()
        chain, key = await request_certificate(operator, station, "Accepted")
        await certificate_is(operator, "installed")
    leaf = x509.load_pem_x509_certificates(chain.encode())[0]
    assert leaf.issuer == site.authority.certificate.subject
    async with site.line(Identity(leaf, key)) as station:
        assert (await station.boot()).status == "Accepted"
        assert (await operator.station())["online"] is True


async def test_077_invalid_charge_point_certificate(operator: Operator, station: ScriptedStation, site: Site) -> None:
    """Security event: the station takes our certificate for invalid"""
    await request_certificate(operator, station, "Rejected")
    await station.tell(
        call.SecurityEventNotification(type="InvalidChargePointCertificate", timestamp=at(), tech_info="bad chain")
    )
    await certificate_is(operator, "failed")
    [event] = await operator.get("security-events")
    assert (event["type"], event["chargePointId"]) == ("InvalidChargePointCertificate", "CP1")
    assert event["techInfo"] == "bad chain"


# --- roots ---


async def install(operator: Operator, station: ScriptedStation, kind: str, root: Identity, answer: str) -> Any:
    station.answers["InstallCertificate"] = {"status": answer}
    body = {"certificateType": kind, "certificate": pem(root.certificate)}
    command = await operator.tell("install-certificate", body)
    assert await station.was_asked("InstallCertificate") == body
    return command


async def installed(operator: Operator, station: ScriptedStation, kind: str, *roots: Identity) -> list[Any]:
    """Asked of a station that has these; what the operator is shown then."""
    hashes = [hash_data(root.certificate, root.certificate) for root in roots]
    station.answers["GetInstalledCertificateIds"] = (
        {"status": "Accepted", "certificateHashData": hashes} if roots else {"status": "NotFound"}
    )
    await operator.tell("get-installed-certificate-ids", {"certificateType": kind})
    assert await station.was_asked("GetInstalledCertificateIds") == {"certificateType": kind}

    async def look() -> tuple[list[Any]] | None:
        rows = await operator.get("chargepoints/CP1/installed-certificates")
        # In a tuple, which is true: an empty list may be what is waited for.
        return (rows,) if len(rows) == len(roots) else None

    [rows] = await eventually(look)
    return list(rows)


async def assert_installed(operator: Operator, station: ScriptedStation, kind: str) -> Identity:
    root = Identity.make("New root")
    command = await install(operator, station, kind, root, "Accepted")
    assert command["status"] == "accepted"
    [row] = await installed(operator, station, kind, root)
    assert row["certificateType"] == kind
    assert row["certificateHashData"] == hash_data(root.certificate, root.certificate)
    return root


async def test_075_1_install_manufacturer_root(operator: Operator, station: ScriptedStation) -> None:
    """Install a certificate: the manufacturer's root"""
    await assert_installed(operator, station, "ManufacturerRootCertificate")


async def test_075_2_install_central_system_root(operator: Operator, station: ScriptedStation) -> None:
    """Install a certificate: our own root"""
    await assert_installed(operator, station, "CentralSystemRootCertificate")


async def test_076_delete_certificate(operator: Operator, station: ScriptedStation) -> None:
    """Delete a certificate"""
    kind = "CentralSystemRootCertificate"
    await assert_installed(operator, station, kind)
    [row] = await operator.get("chargepoints/CP1/installed-certificates")
    station.answers["DeleteCertificate"] = {"status": "Accepted"}
    wanted = {"certificateHashData": row["certificateHashData"]}
    command = await operator.tell("delete-certificate", wanted)
    assert await station.was_asked("DeleteCertificate") == wanted
    assert command["status"] == "accepted"
    assert await installed(operator, station, kind) == []


async def test_078_invalid_central_system_certificate(operator: Operator, station: ScriptedStation) -> None:
    """Security event: the station takes our root for invalid"""
    kind = "CentralSystemRootCertificate"
    command = await install(operator, station, kind, Identity.make("New root"), "Rejected")
    assert command["status"] == "rejected"
    await station.tell(
        call.SecurityEventNotification(type="InvalidCentralSystemCertificate", timestamp=at(), tech_info="expired")
    )
    [event] = await operator.get("security-events?type=InvalidCentralSystemCertificate")
    assert (event["chargePointId"], event["techInfo"]) == ("CP1", "expired")
    assert await operator.get("chargepoints/CP1/installed-certificates") == []


# --- profiles ---


async def upgrade(operator: Operator, station: ScriptedStation, profile: int) -> None:
    """ChangeConfiguration, then a hard reset."""
    station.answers |= {"ChangeConfiguration": {"status": "Accepted"}, "Reset": {"status": "Accepted"}}
    await operator.tell("security-profile", {"securityProfile": profile, "confirmed": True})
    assert await station.was_asked("ChangeConfiguration") == {"key": "SecurityProfile", "value": str(profile)}
    assert await station.was_asked("Reset") == {"type": "Hard"}


async def test_083_upgrade_of_the_security_profile(operator: Operator, line: Dial, site: Site) -> None:
    """Upgrade of the security profile, from 1 to 2 to 3"""
    password = await add_station(operator, 1)
    async with line(password=password) as station:
        await station.boot()
        await upgrade(operator, station, 2)
    async with site.line(password=password) as station:
        assert (await station.boot()).status == "Accepted"
        await station.is_now("Available", 0, 1, 2)
        assert (await operator.station())["securityProfile"] == 2
    assert await refused(line(password=password)) == 403
    async with site.line(password=password) as station:
        await station.boot()
        await upgrade(operator, station, 3)
    async with site.line(Identity.make("CP1", site.authority)) as station:
        assert (await station.boot()).status == "Accepted"
        state = await operator.get("chargepoints/CP1/security")
        assert (state["securityProfile"], state["pendingSecurityProfile"]) == (3, None)
    assert await refused(site.line(password=password)) == 403


async def test_085_basic_authentication(operator: Operator, line: Dial) -> None:
    """Basic authentication with the right password, and with others"""
    password = await add_station(operator, 1)
    for wrong in (None, WRONG, password[:-1], ""):
        assert await refused(line(password=wrong)) == 401
    async with line(password=password) as station:
        assert (await station.boot()).status == "Accepted"
        assert [client["chargePointId"] for client in await operator.get("clients")] == ["CP1"]


async def test_086_tls_with_basic_authentication(operator: Operator, line: Dial, site: Site) -> None:
    """TLS with our certificate and the station's password"""
    password = await add_station(operator, 2)
    assert await refused(line(password=password)) == 403
    assert await refused(site.line(password=WRONG)) == 401
    async with site.line(password=password) as station:
        assert (await station.boot()).status == "Accepted"
        assert (await operator.station())["online"] is True


async def test_087_tls_with_client_certificate(operator: Operator, line: Dial, site: Site) -> None:
    """TLS with the station's own certificate"""
    await add_station(operator, 3)
    for nobody in (site.line(), site.line(password=WRONG), line()):
        assert await refused(nobody) in {401, 403}
    assert await refused(site.line(Identity.make("CP2", site.authority))) in {401, 403}
    async with site.line(Identity.make("CP1", site.authority)) as station:
        assert (await station.boot()).status == "Accepted"
        assert (await operator.station())["online"] is True


@pytest.mark.parametrize("offered", [["ocpp1.6"], ["ocpp9.9", "ocpp1.6"]])
async def test_088_subprotocol(operator: Operator, tenant: Any, line: Dial, offered: list[str]) -> None:
    """Websocket subprotocol: the first that both speak"""
    async with line(subprotocols=offered) as station:
        assert station.wire.socket.subprotocol == "ocpp1.6"
        assert (await station.boot()).status == "Accepted"
        [client] = await operator.get("clients")
        assert (client["chargePointId"], client["protocol"]) == ("CP1", "ocpp1.6")


async def test_088_no_subprotocol_in_common(operator: Operator, tenant: Any, line: Dial) -> None:
    """Websocket subprotocol: none in common, the handshake is completed and the socket closed"""
    async with line(subprotocols=["ocpp0.1"]) as station:
        assert station.wire.socket.subprotocol is None
        assert await station.closed() == 1002
    assert await operator.get("clients") == []
