"""Tags and reservations in the back office: import with a dry run, export, letting go."""

import re

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chargepoints.models import ChargePoint, Command, IdTag, Reservation, Transaction
from tenants.context import tenant_transaction
from tenants.models import Tenant, User
from tests.admin.conftest import office
from tests.api.conftest import bring_online, make_station

IMPORT = "admin:id_tag_import"


def upload(client: Client, text: str) -> str:
    file = SimpleUploadedFile("tags.csv", text.encode(), "text/csv")
    return str(client.post(reverse(IMPORT), {"file": file}).content.decode())


def test_a_file_is_shown_first_and_imported_then(tenant: Tenant, alice: User, redis_clean: object) -> None:
    client = office(alice)
    page = upload(client, "idTag,holder\nNEW,<b>Ann</b>\n")
    assert "1 new, 0 changed, 0 as they are" in page
    assert "<b>Ann" not in page
    with tenant_transaction(tenant.pk):
        assert not IdTag.objects.exists()
    found = re.search('name="checked" value="([^"]+)"', page)
    assert found is not None
    assert client.post(reverse(IMPORT), {"checked": found[1]}).status_code == 302
    with tenant_transaction(tenant.pk):
        assert IdTag.objects.get().holder == "<b>Ann</b>"
    # Once.
    assert "run out" in client.post(reverse(IMPORT), {"checked": found[1]}).content.decode()


def test_faults_are_shown_by_line(tenant: Tenant, alice: User, redis_clean: object) -> None:
    page = upload(office(alice), "idTag,status\nA,Lost\n")
    assert "nothing was imported" in page
    assert "One of Accepted, Blocked." in page
    assert "This field is required" in office(alice).post(reverse(IMPORT)).content.decode()


def test_viewers_export_but_do_not_import(tenant: Tenant, bob: User, redis_clean: object) -> None:
    client = office(bob)
    assert client.get(reverse(IMPORT)).status_code == 403
    text = client.get(reverse("admin:id_tag_export")).getvalue()
    assert text.startswith(b"idTag,")
    listed = client.get(reverse("admin:chargepoints_idtag_changelist")).content.decode()
    assert "Export for import" in listed
    assert "Import a CSV" not in listed


def make_reservation(station: ChargePoint) -> Reservation:
    return Reservation.objects.create(
        tenant_id=station.tenant_id,
        charge_point=station,
        evse_number=1,
        protocol_id=7,
        id_tag="TAG",
        state="active",
        expires_at=timezone.now(),
        requested_by="alice",
    )


def test_reservations_are_cancelled_from_the_list(stocked: Transaction, alice: User, bob: User) -> None:
    station = stocked.charge_point
    url = reverse("admin:chargepoints_reservation_changelist")
    with tenant_transaction(station.tenant_id):
        row = make_reservation(station)
    chosen = {"action": "cancel", "_selected_action": [row.pk]}
    office(bob).post(url, chosen)
    assert "offline" in office(alice).post(url, chosen, follow=True).content.decode()
    with tenant_transaction(station.tenant_id):
        assert not Command.objects.filter(action="CancelReservation").exists()
        Reservation.objects.get(state="active")
    assert office(alice).get(reverse("admin:chargepoints_reservation_change", args=[row.pk])).status_code == 200


def test_cancelling_asks_the_station(tenant: Tenant, alice: User) -> None:
    station = make_station(tenant)
    bring_online(station)
    with tenant_transaction(tenant.pk):
        row = make_reservation(station)
    office(alice).post(
        reverse("admin:chargepoints_reservation_changelist"), {"action": "cancel", "_selected_action": [row.pk]}
    )
    with tenant_transaction(tenant.pk):
        assert Command.objects.get().payload == {"reservationId": 7}
        assert Reservation.objects.get().state == "cancelling"
