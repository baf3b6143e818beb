"""Firmware: files and their signatures, the update of one station, rollouts in waves."""

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import Client
from django.utils import timezone

from chargepoints.models import (
    CertificateAuthority,
    ChargePoint,
    Command,
    FirmwareFile,
    FirmwareRollout,
    FirmwareUpdate,
)
from chargepoints.services.firmware import (
    FirmwareDetails,
    InvalidFirmware,
    StillUsed,
    add_firmware,
    purge_orphans,
    remove_firmware,
)
from chargepoints.services.firmware_updates import Schedule, Source, next_state, settle_updates, update_station
from chargepoints.services.rollouts import (
    Group,
    InvalidRollout,
    Plan,
    WrongState,
    advance_rollout,
    advance_rollouts,
    cancel_rollout,
    create_rollout,
    pause_rollout,
    resume_rollout,
)
from tenants.context import tenant_transaction
from tenants.models import OutboxEvent, Tenant
from tests.api.conftest import make_station
from tests.chargepoints.signing import certificate, new_key, pem, sign
from tests.conftest import eventually
from tests.stations import Connect

pytestmark = pytest.mark.usefixtures("db", "redis_clean")
State, RolloutState = FirmwareUpdate.State, FirmwareRollout.State
CONTENT = b"firmware 2.0 " * 10_000
URL = "https://files.example.com/fw-2.0.bin"


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    settings.PUBLIC_URL = "http://csms.example.com"
    return tmp_path


@pytest.fixture
def station(tenant: Tenant) -> ChargePoint:
    return make_station(tenant)


@pytest.fixture
def firmware(tenant: Tenant) -> FirmwareFile:
    return add(tenant)


def add(tenant: Tenant, *, content: bytes | None = CONTENT, **details: str) -> FirmwareFile:
    given = FirmwareDetails(**{"name": "Wall", "version": "2.0", **details})
    with tenant_transaction(tenant.pk):
        chunks = None if content is None else [content]
        return add_firmware(details=given, content=chunks, actor="alice", origin="api")


def update(station: ChargePoint, source: Source, **schedule: Any) -> FirmwareUpdate:
    """Of an offline station, which the command waits for."""
    now = timezone.now()
    order = Schedule(**{"retrieve_at": now, "expires_at": now + timedelta(hours=1), **schedule})
    return update_station(charge_point=station, source=source, schedule=order, requested_by="alice", origin="api")


def again(row: Any) -> Any:
    with tenant_transaction(row.tenant_id):
        return type(row).objects.select_related(None).get(pk=row.pk)


# --- files and signatures ---


def test_a_file_is_kept_with_its_digest(tenant: Tenant, firmware: FirmwareFile) -> None:
    assert firmware.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert firmware.size == len(CONTENT)
    assert str(firmware.file.name).startswith(f"{tenant.pk}/firmware/")


@pytest.mark.parametrize(
    ("content", "details", "field"),
    [
        (CONTENT, {"url": URL}, "url"),
        (None, {}, "url"),
        (None, {"url": "gopher://x/y"}, "url"),
        (None, {"url": "https:///y"}, "url"),
        (b"", {}, "file"),
        (CONTENT, {"name": "Wall", "version": "1.0"}, "version"),
        (CONTENT, {"signature": "AAAA"}, "signing_certificate"),
        (CONTENT, {"signing_certificate": "x"}, "signature"),
        (CONTENT, {"signature": "?", "signing_certificate": "x"}, "signature"),
    ],
)
def test_a_refused_firmware_leaves_nothing(
    tenant: Tenant, media: Path, content: bytes | None, details: dict[str, str], field: str
) -> None:
    add(tenant, version="1.0", content=None, url=URL)
    with pytest.raises(InvalidFirmware) as refused:
        add(tenant, content=content, **details)
    assert list(refused.value.errors) == [field]
    assert [path for path in media.rglob("*") if path.is_file()] == []


def test_too_big_a_firmware_is_refused(tenant: Tenant, settings: Any) -> None:
    settings.UPLOAD_MAX_BYTES = 10
    with pytest.raises(InvalidFirmware, match="At most 10 bytes"):
        add(tenant)


@pytest.mark.parametrize(("kind", "pss"), [("ec", True), ("rsa", True), ("rsa", False)])
def test_080_a_good_signature_is_taken(tenant: Tenant, kind: str, pss: bool) -> None:
    key = new_key(kind)
    signed = add(tenant, signature=sign(key, CONTENT, pss=pss), signing_certificate=pem(certificate(key)))
    assert signed.signature


def test_081_a_signature_of_another_file_is_refused(tenant: Tenant) -> None:
    key = new_key()
    with pytest.raises(InvalidFirmware, match="Not the signature of this file"):
        add(tenant, signature=sign(key, b"other"), signing_certificate=pem(certificate(key)))


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({"days": (-10, -1)}, "Expired"),
        ({"days": (1, 10)}, "Not valid before"),
        ({"signs": False}, "not for digital signatures"),
    ],
)
def test_081_a_certificate_that_may_not_sign_now_is_refused(tenant: Tenant, made: dict[str, Any], said: str) -> None:
    key = new_key()
    with pytest.raises(InvalidFirmware, match=said) as refused:
        add(tenant, signature=sign(key, CONTENT), signing_certificate=pem(certificate(key, **made)))
    assert list(refused.value.errors) == ["signing_certificate"]


def test_081_a_certificate_must_be_issued_by_the_root_that_it_names(tenant: Tenant) -> None:
    key, root_key = new_key(), new_key()
    root = certificate(root_key, "Voltaic root", ca=True)
    with tenant_transaction(tenant.pk):
        CertificateAuthority.objects.create(tenant=tenant, name="Voltaic", certificate=pem(root), active=False)
    good = certificate(key, issuer=root, issuer_key=root_key)
    assert add(tenant, signature=sign(key, CONTENT), signing_certificate=pem(good)).pk
    forged = certificate(key, issuer=root, issuer_key=new_key())
    with pytest.raises(InvalidFirmware, match="was not signed by it"):
        add(tenant, name="Forged", signature=sign(key, CONTENT), signing_certificate=pem(forged))
    with pytest.raises(InvalidFirmware, match="is not issued by"):
        add(tenant, name="Mixed", signature=sign(key, CONTENT), signing_certificate=pem(good, certificate(new_key())))


def test_a_firmware_in_use_is_kept(tenant: Tenant, station: ChargePoint, firmware: FirmwareFile) -> None:
    running = update(station, Source(firmware=firmware))
    with tenant_transaction(tenant.pk), pytest.raises(StillUsed):
        remove_firmware(firmware=firmware, actor="alice", origin="api")
    with tenant_transaction(tenant.pk):
        FirmwareUpdate.objects.filter(pk=running.pk).update(state=State.INSTALLED)
        remove_firmware(firmware=FirmwareFile.objects.get(), actor="alice", origin="api")
    assert again(running).firmware_id is None


def test_files_without_a_row_are_swept(tenant: Tenant, firmware: FirmwareFile, media: Path) -> None:
    import os

    stored = media / str(firmware.file.name)
    orphan = stored.with_name("orphan.part")
    orphan.write_bytes(b"")
    for path in (stored, orphan):
        os.utime(path, (0, 0))
    assert purge_orphans() == 1
    assert stored.exists()
    assert not orphan.exists()


# --- the download ---


def download_path(row: FirmwareUpdate) -> str:
    with tenant_transaction(row.tenant_id):
        payload = Command.objects.get(pk=row.command_id or "").payload
    location: str = payload.get("location") or payload["firmware"]["location"]
    return location.removeprefix("http://csms.example.com")


@pytest.mark.parametrize(
    ("asked", "status", "expected"),
    [
        ("", 200, CONTENT),
        ("bytes=0-9", 206, CONTENT[:10]),
        ("bytes=10-", 206, CONTENT[10:]),
        ("bytes=-5", 206, CONTENT[-5:]),
        ("bytes=0-99999999", 206, CONTENT),
        ("bytes=9-1", 200, CONTENT),
        ("bytes=0-1,5-6", 200, CONTENT),
        ("lines=1-2", 200, CONTENT),
        (f"bytes={len(CONTENT)}-", 416, b""),
        ("bytes=-0", 416, b""),
    ],
)
def test_a_station_fetches_the_file_or_a_part_of_it(
    station: ChargePoint, firmware: FirmwareFile, asked: str, status: int, expected: bytes
) -> None:
    path = download_path(update(station, Source(firmware=firmware)))
    answer: Any = Client().get(path, headers={"Range": asked})
    assert answer.status_code == status
    assert answer.getvalue() == expected
    if status != 416:
        assert answer["Content-Disposition"] == 'attachment; filename="Wall-2.0.bin"'
        assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == ("application/octet-stream", "nosniff")
        assert int(answer["Content-Length"]) == len(expected)


def test_a_part_of_another_version_is_not_given(station: ChargePoint, firmware: FirmwareFile) -> None:
    path = download_path(update(station, Source(firmware=firmware)))
    head: Any = Client().head(path)
    assert (head.status_code, head.content, head["Content-Length"]) == (200, b"", str(len(CONTENT)))
    same: Any = Client().get(path, headers={"Range": "bytes=0-1", "If-Range": head["ETag"]})
    other: Any = Client().get(path, headers={"Range": "bytes=0-1", "If-Range": '"old"'})
    assert (same.status_code, other.status_code) == (206, 200)


async def test_a_download_is_streamed_by_the_real_server(
    gateway: str, station: ChargePoint, firmware: FirmwareFile
) -> None:
    from urllib.request import urlopen

    row = await sync_to_async(update)(station, Source(firmware=firmware))
    url = gateway.replace("ws:", "http:") + await sync_to_async(download_path)(row)
    body = await sync_to_async(lambda: urlopen(url, timeout=10).read(), thread_sensitive=False)()
    assert body == CONTENT


def test_a_token_ends_with_its_update(station: ChargePoint, firmware: FirmwareFile) -> None:
    row = update(station, Source(firmware=firmware))
    path = download_path(row)
    assert Client().put(path, b"x").status_code == 404
    for state, status in ((State.RUNNING, 200), (State.FAILED, 200), (State.INSTALLED, 404), (State.CANCELLED, 404)):
        with tenant_transaction(row.tenant_id):
            FirmwareUpdate.objects.filter(pk=row.pk).update(state=state)
        assert Client().get(path).status_code == status
    with tenant_transaction(row.tenant_id):
        FirmwareUpdate.objects.filter(pk=row.pk).update(state=State.RUNNING, deadline_at=timezone.now())
    assert Client().get(path).status_code == 404


# --- one station ---


@pytest.mark.parametrize(
    ("state", "status", "in_time", "expected"),
    [
        ("sent", "Downloading", True, "running"),
        ("running", "Downloaded", True, "running"),
        ("running", "Idle", True, "running"),
        ("running", "Installed", True, "installed"),
        ("running", "DownloadFailed", True, "failed"),
        ("running", "InstallationFailed", True, "failed"),
        ("running", "InvalidSignature", True, "failed"),
        ("running", "InstallVerificationFailed", True, "failed"),
        ("failed", "Downloading", True, "running"),
        ("failed", "Downloading", False, "failed"),
        ("failed", "Installed", False, "installed"),
        ("cancelled", "Installed", True, "installed"),
        ("cancelled", "Installing", True, "cancelled"),
        ("installed", "DownloadFailed", True, "installed"),
    ],
)
def test_what_a_status_makes_of_an_update(state: str, status: str, in_time: bool, expected: str) -> None:
    assert next_state(state, status, in_time=in_time) == expected


async def test_044_an_update_from_request_to_boot(connect: Connect, tenant: Tenant) -> None:
    async with connect() as station:
        await station.call("BootNotification", chargePointVendor="V", chargePointModel="M", firmwareVersion="1.0")
        station.answers["UpdateFirmware"] = {}
        row = await sync_to_async(_update_by_url)(tenant)
        await eventually(lambda: any(action == "UpdateFirmware" for action, _ in station.asked))
        payload = next(payload for action, payload in station.asked if action == "UpdateFirmware")
        assert payload["location"] == URL
        for status in ("Downloading", "Downloaded", "Installing"):
            assert await station.call("FirmwareStatusNotification", status=status) == {}
        assert (await sync_to_async(again)(row)).state == State.RUNNING
    # It reboots in between.
    async with connect() as station:
        await station.call("BootNotification", chargePointVendor="V", chargePointModel="M", firmwareVersion="1.0")
        assert (await sync_to_async(again)(row)).state == State.RUNNING
        await station.call("FirmwareStatusNotification", status="Installed")
        ended = await sync_to_async(again)(row)
    assert (ended.state, ended.status) == (State.INSTALLED, "Installed")
    assert [entry["status"] for entry in ended.history] == ["Downloading", "Downloaded", "Installing", "Installed"]
    assert (await sync_to_async(_command_of)(ended)).outcome == "fulfilled"


async def test_044_a_boot_with_the_new_version_confirms_it(connect: Connect, tenant: Tenant) -> None:
    async with connect() as station:
        await station.call("BootNotification", chargePointVendor="V", chargePointModel="M", firmwareVersion="1.0")
        station.answers["UpdateFirmware"] = {}
        await sync_to_async(add)(tenant)
        row = await sync_to_async(_update_by_file)(tenant)
        await station.call("FirmwareStatusNotification", status="Downloading")
    async with connect() as station:
        await station.call("BootNotification", chargePointVendor="V", chargePointModel="M", firmwareVersion="2.0")
        assert (await sync_to_async(again)(row)).state == State.INSTALLED
        assert await station.call("FirmwareStatusNotification", status="Installed") == {}


async def test_044_another_version_confirms_an_update_by_url_that_was_installing(
    connect: Connect, tenant: Tenant
) -> None:
    async with connect() as station:
        await station.call("BootNotification", chargePointVendor="V", chargePointModel="M", firmwareVersion="1.0")
        row = await sync_to_async(_update_by_url)(tenant)
        await station.call("BootNotification", chargePointVendor="V", chargePointModel="M", firmwareVersion="1.1")
        assert (await sync_to_async(again)(row)).state == State.SENT
        await station.call("FirmwareStatusNotification", status="Installing")
        await station.call("BootNotification", chargePointVendor="V", chargePointModel="M", firmwareVersion="2.0")
        assert (await sync_to_async(again)(row)).state == State.INSTALLED


@pytest.mark.parametrize("status", ["DownloadFailed", "InstallationFailed"])
async def test_044_a_failed_update_says_why(connect: Connect, tenant: Tenant, status: str) -> None:
    async with connect() as station:
        await station.boot()
        row = await sync_to_async(_update_by_url)(tenant)
        await station.call("FirmwareStatusNotification", status=status)
        ended = await sync_to_async(again)(row)
        assert (ended.state, ended.detail) == (State.FAILED, status)
        assert (await sync_to_async(_command_of)(ended)).outcome == "unfulfilled"
        assert await sync_to_async(_event_states)(tenant) == ["failed"]


async def test_080_a_signed_update_is_followed_by_its_request_id(connect: Connect, tenant: Tenant) -> None:
    key = new_key()
    cert = pem(certificate(key))
    await sync_to_async(add)(tenant, signature=sign(key, CONTENT), signing_certificate=cert)
    async with connect() as station:
        await station.boot()
        station.answers["SignedUpdateFirmware"] = {"status": "Accepted"}
        row = await sync_to_async(_update_by_file)(tenant, signed=True)
        await eventually(lambda: any(action == "SignedUpdateFirmware" for action, _ in station.asked))
        asked = next(payload for action, payload in station.asked if action == "SignedUpdateFirmware")
        assert asked["requestId"] == row.request_id
        assert asked["firmware"]["signingCertificate"] == cert
        steps = [
            *("DownloadScheduled", "Downloading", "DownloadPaused", "Downloading", "Downloaded", "SignatureVerified"),
            *("InstallScheduled", "InstallRebooting", "Installing", "Installed"),
        ]
        for status in steps:
            await station.call("SignedFirmwareStatusNotification", status=status, requestId=row.request_id)
        ended = await sync_to_async(again)(row)
        assert ended.state == State.INSTALLED
        assert [entry["status"] for entry in ended.history] == steps


@pytest.mark.parametrize("status", ["InvalidSignature", "InstallVerificationFailed", "DownloadFailed"])
async def test_081_a_signed_update_that_fails(connect: Connect, tenant: Tenant, status: str) -> None:
    async with connect() as station:
        await station.boot()
        row = await sync_to_async(_update_by_url)(tenant, signed=True)
        await station.call("SignedFirmwareStatusNotification", status=status, requestId=row.request_id)
        assert (await sync_to_async(again)(row)).state == State.FAILED


@pytest.mark.parametrize("status", ["InvalidCertificate", "RevokedCertificate", "Rejected"])
async def test_081_a_signed_update_that_the_station_refuses(connect: Connect, tenant: Tenant, status: str) -> None:
    async with connect() as station:
        await station.boot()
        station.answers["SignedUpdateFirmware"] = {"status": status}
        row = await sync_to_async(_update_by_url)(tenant, signed=True)
        ended = await _until(row, State.FAILED)
        assert ended.detail == f"The station answered {status}."


async def test_unknown_notifications_are_answered_and_kept_out(connect: Connect, tenant: Tenant) -> None:
    async with connect() as station:
        await station.boot()
        for status in ("Idle", "Installed", "Downloading"):
            assert await station.call("FirmwareStatusNotification", status=status) == {}
            assert await station.call("SignedFirmwareStatusNotification", status=status, requestId=10**12) == {}
            assert await station.call("SignedFirmwareStatusNotification", status=status) == {}


async def test_a_talkative_station_fills_no_disk(connect: Connect, tenant: Tenant) -> None:
    async with connect() as station:
        await station.boot()
        row = await sync_to_async(_update_by_url)(tenant)
        for _ in range(105):
            await station.call("FirmwareStatusNotification", status="Downloading")
        assert len((await sync_to_async(again)(row)).history) == 100


def test_a_later_update_replaces_the_one_under_way(station: ChargePoint) -> None:
    first = update(station, Source(location=URL))
    second = update(station, Source(location=URL))
    assert (again(first).state, again(second).state) == (State.CANCELLED, State.SENT)


def test_updates_that_nobody_came_for_fail(station: ChargePoint) -> None:
    lost, slow = update(station, Source(location=URL)), None
    with tenant_transaction(station.tenant_id):
        Command.objects.update(state="timed_out", error_description="The station did not come for it in time.")
    assert settle_updates(timezone.now()) == 1
    assert (again(lost).state, again(lost).detail) == (State.FAILED, "The station did not come for it in time.")
    slow = update(station, Source(location=URL))
    with tenant_transaction(station.tenant_id):
        FirmwareUpdate.objects.filter(pk=slow.pk).update(state=State.RUNNING)
    assert settle_updates(timezone.now() + timedelta(hours=48)) == 0
    assert settle_updates(timezone.now() + timedelta(hours=50)) == 1
    assert again(slow).detail == "Not finished in time."


# --- rollouts ---


@pytest.fixture
def fleet(tenant: Tenant) -> list[ChargePoint]:
    """CP1 to CP5 of Voltaic, with 1.0."""
    stations = [make_station(tenant, f"CP{number}") for number in range(1, 6)]
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.update(vendor="Voltaic", model="Wall", firmware_version="1.0", tags=["depot"])
    return stations


def roll(tenant: Tenant, group: Group | None = None, **plan: Any) -> FirmwareRollout:
    with tenant_transaction(tenant.pk):
        return create_rollout(
            firmware=FirmwareFile.objects.get(),
            group=group or Group(tags=("depot",)),
            plan=Plan(**{"name": "Autumn", "wave_size": 2, **plan}),
            actor="alice",
            origin="api",
        )


def states(rollout: FirmwareRollout) -> list[str]:
    with tenant_transaction(rollout.tenant_id):
        rows = FirmwareUpdate.objects.filter(rollout=rollout).order_by("charge_point__identity_key")
        return list(rows.values_list("state", flat=True))


def say(rollout: FirmwareRollout, identity: str, state: str) -> None:
    with tenant_transaction(rollout.tenant_id):
        FirmwareUpdate.objects.filter(rollout=rollout, charge_point__identity=identity).update(state=state)


def test_waves_follow_one_another_to_the_end(tenant: Tenant, firmware: FirmwareFile, fleet: list[ChargePoint]) -> None:
    rollout = roll(tenant)
    assert states(rollout) == ["waiting"] * 5
    assert advance_rollouts(timezone.now()) == 1
    assert states(rollout) == ["sent", "sent", "waiting", "waiting", "waiting"]
    say(rollout, "CP1", "installed")
    assert advance_rollouts(timezone.now()) == 0
    say(rollout, "CP2", "failed")
    assert advance_rollouts(timezone.now()) == 1
    assert states(rollout) == ["installed", "failed", "sent", "sent", "waiting"]
    for identity in ("CP3", "CP4"):
        say(rollout, identity, "installed")
    advance_rollouts(timezone.now())
    say(rollout, "CP5", "installed")
    assert advance_rollouts(timezone.now()) == 1
    rollout = again(rollout)
    assert (rollout.state, rollout.current_wave) == (RolloutState.FINISHED, 3)
    assert rollout.finished_at is not None
    with tenant_transaction(tenant.pk):
        told = OutboxEvent.objects.filter(event_type="firmware.rollout").order_by("id")
        assert [event.data["state"] for event in told] == ["running", "finished"]


def test_too_many_failures_stop_it(tenant: Tenant, firmware: FirmwareFile, fleet: list[ChargePoint]) -> None:
    rollout = roll(tenant, allowed_failures=0)
    advance_rollouts(timezone.now())
    say(rollout, "CP1", "failed")
    assert advance_rollouts(timezone.now()) == 1
    # CP2 is offline: its command had not been sent, and is taken back.
    assert states(rollout) == ["failed", "cancelled", "cancelled", "cancelled", "cancelled"]
    assert (again(rollout).state, again(rollout).detail) == (RolloutState.STOPPED, "1 failed; 0 are allowed.")
    with tenant_transaction(tenant.pk):
        assert Command.objects.filter(state="cancelled").count() == 1
        with pytest.raises(WrongState):
            resume_rollout(rollout=rollout, actor="alice", origin="api")


def test_a_station_that_stays_away_fails_with_its_wave(
    tenant: Tenant, firmware: FirmwareFile, fleet: list[ChargePoint]
) -> None:
    rollout = roll(tenant, wave_hours=2, allowed_failures=5)
    now = timezone.now()
    advance_rollouts(now)
    with tenant_transaction(tenant.pk):
        assert all(now + timedelta(hours=2) == command.expires_at for command in Command.objects.all())
    assert settle_updates(now + timedelta(hours=1)) == 0
    assert settle_updates(now + timedelta(hours=2, seconds=1)) == 2
    advance_rollouts(now + timedelta(hours=3))
    assert states(rollout) == ["failed", "failed", "sent", "sent", "waiting"]


def test_pause_resume_and_cancel(tenant: Tenant, firmware: FirmwareFile, fleet: list[ChargePoint]) -> None:
    rollout = roll(tenant)
    advance_rollouts(timezone.now())
    pause_rollout(rollout=rollout, actor="alice", origin="api")
    say(rollout, "CP1", "installed")
    say(rollout, "CP2", "installed")
    assert advance_rollouts(timezone.now()) == 0
    resume_rollout(rollout=rollout, actor="alice", origin="api")
    assert advance_rollouts(timezone.now()) == 1
    say(rollout, "CP3", "running")
    with tenant_transaction(tenant.pk):
        Command.objects.filter(charge_point__identity="CP3").update(state="accepted")
    cancel_rollout(rollout=rollout, actor="alice", origin="api")
    # What CP3 has begun can't be stopped.
    assert states(rollout) == ["installed", "installed", "running", "cancelled", "cancelled"]
    assert advance_rollouts(timezone.now()) == 0
    for change in (pause_rollout, resume_rollout, cancel_rollout):
        with pytest.raises(WrongState):
            change(rollout=rollout, actor="alice", origin="api")


def test_two_workers_begin_a_wave_once(tenant: Tenant, firmware: FirmwareFile, fleet: list[ChargePoint]) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connections

    rollout = roll(tenant, wave_size=5)

    def work(_: int) -> bool:
        try:
            return advance_rollout(tenant_id=tenant.pk, rollout_id=rollout.pk, now=timezone.now())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(work, range(8)))
    assert done.count(True) == 1
    with tenant_transaction(tenant.pk):
        assert Command.objects.count() == 5


def test_a_crash_amid_a_wave_leaves_it_to_begin_again(
    tenant: Tenant, firmware: FirmwareFile, fleet: list[ChargePoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    from chargepoints.services import rollouts

    sent: list[Any] = []
    rollout, real = roll(tenant), rollouts.send_update  # type: ignore[attr-defined]

    def dies(**given: Any) -> None:
        if sent:
            raise KeyboardInterrupt
        sent.append(given)
        real(**given)

    with monkeypatch.context() as patched:
        patched.setattr(rollouts, "send_update", dies)
        with pytest.raises(KeyboardInterrupt):
            advance_rollouts(timezone.now())
    assert states(rollout) == ["waiting"] * 5
    advance_rollouts(timezone.now())
    assert states(rollout)[:3] == ["sent", "sent", "waiting"]
    with tenant_transaction(tenant.pk):
        assert Command.objects.count() == 2


def test_it_begins_at_its_time(tenant: Tenant, firmware: FirmwareFile, fleet: list[ChargePoint]) -> None:
    rollout = roll(tenant, start_at=timezone.now() + timedelta(hours=1))
    assert advance_rollouts(timezone.now()) == 0
    assert advance_rollouts(timezone.now() + timedelta(hours=2)) == 1
    assert states(rollout)[0] == "sent"


def test_who_has_the_version_is_left_out(tenant: Tenant, firmware: FirmwareFile, fleet: list[ChargePoint]) -> None:
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.filter(identity="CP2").update(firmware_version="2.0")
    assert len(states(roll(tenant))) == 4
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.update(firmware_version="2.0")
    with pytest.raises(InvalidRollout, match="All of these have this version"):
        roll(tenant)


@pytest.mark.parametrize(
    ("group", "plan", "field"),
    [
        (Group(), {}, "chargePointIds"),
        (Group(charge_points=("CP1", "NOBODY")), {}, "chargePointIds"),
        (Group(site="Nowhere"), {}, "filter"),
        (Group(charge_points=("CP1",)), {"signed": True}, "signed"),
        (Group(charge_points=("CP1",)), {"install_at": timezone.now()}, "installTime"),
    ],
)
def test_refused_rollouts(
    tenant: Tenant, firmware: FirmwareFile, fleet: list[ChargePoint], group: Group, plan: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRollout) as refused:
        roll(tenant, group, **plan)
    assert list(refused.value.errors) == [field]


def test_another_makers_station_is_never_offered_it(tenant: Tenant, fleet: list[ChargePoint]) -> None:
    add(tenant, vendor="Voltaic")
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.filter(identity="CP1").update(vendor="Ampere")
    with pytest.raises(InvalidRollout, match="not for CP1"):
        roll(tenant, Group(charge_points=("CP1", "CP2")))
    assert len(states(roll(tenant))) == 4


def test_another_tenants_stations_are_not_found(
    tenant: Tenant, other_tenant: Tenant, firmware: FirmwareFile, fleet: list[ChargePoint]
) -> None:
    make_station(other_tenant, "THEIRS")
    with pytest.raises(InvalidRollout, match="There is no charge point THEIRS"):
        roll(tenant, Group(charge_points=("THEIRS",)))


# --- helpers ---


def _the_station(tenant: Tenant) -> ChargePoint:
    with tenant_transaction(tenant.pk):
        return ChargePoint.objects.get(identity="CP1")


def _update_by_url(tenant: Tenant, *, signed: bool = False) -> FirmwareUpdate:
    signature, pem_text = ("AAAA", "PEM") if signed else ("", "")
    source = Source(location=URL, signed=signed, signature=signature, signing_certificate=pem_text)
    return update(_the_station(tenant), source)


def _update_by_file(tenant: Tenant, *, signed: bool = False) -> FirmwareUpdate:
    with tenant_transaction(tenant.pk):
        known = FirmwareFile.objects.get()
    return update(_the_station(tenant), Source(firmware=known, signed=signed))


def _command_of(row: FirmwareUpdate) -> Command:
    with tenant_transaction(row.tenant_id):
        return Command.objects.get(pk=row.command_id or "")


def _event_states(tenant: Tenant) -> list[str]:
    with tenant_transaction(tenant.pk):
        return [event.data["state"] for event in OutboxEvent.objects.filter(event_type="firmware.update_ended")]


async def _until(row: FirmwareUpdate, state: str) -> FirmwareUpdate:
    async def reached() -> FirmwareUpdate | None:
        found = await sync_to_async(again)(row)
        return found if found.state == state else None

    found: FirmwareUpdate = await eventually(reached)
    return found
