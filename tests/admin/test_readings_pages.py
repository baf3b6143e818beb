"""Pages with charts: for whom they open, what they refuse, and how many queries they take."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from chargepoints.admin import sections
from chargepoints.models import ChargePoint, Transaction
from metering.models import Period, QuarantinedReading, SignedReading
from metering.readings import ENERGY, POWER
from tenants.context import system_transaction, tenant_transaction
from tenants.models import Tenant, User
from tests.admin.conftest import office
from tests.admin.readings_data import MINUTE, add_bucket, add_samples, every, make_busy, make_series
from tests.api.conftest import make_session, make_station

STATION_VIEWS = ["readings", "readings_data", "readings_live", "readings_csv"]
SESSION_VIEWS = ["figures", "timeline", "cost", "readings_data", "readings_table", "readings_csv"]
HOUR = timedelta(hours=1)


def station_url(station: ChargePoint, view: str = "readings_data") -> str:
    return reverse(f"admin:charge_point_{view}", args=[station.pk])


def session_url(session: Transaction, view: str = "readings_data") -> str:
    return reverse(f"admin:transaction_{view}", args=[session.pk])


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def station(tenant: Tenant, redis_clean: Any) -> ChargePoint:
    return make_station(tenant)


@pytest.fixture
def session(station: ChargePoint, now: datetime) -> Transaction:
    """Running for two hours, with a reading of everything each minute."""
    session = make_session(station, started_at=now - 2 * HOUR, start_received_at=now - 2 * HOUR)
    make_busy(station, now, session_id=session.pk)
    return session


def body(client: Client, url: str, **parameters: Any) -> Any:
    answer = client.get(url, parameters)
    assert answer.status_code == 200, answer.content[:500]
    return answer.json()


def test_viewers_may_read_everything(session: Transaction, bob: User) -> None:
    client = office(bob)
    for view in STATION_VIEWS:
        assert client.get(station_url(session.charge_point, view)).status_code == 200, view
    assert client.get(station_url(session.charge_point, "readings_energy"), {"period": "day"}).status_code == 200
    for view in SESSION_VIEWS:
        assert client.get(session_url(session, view)).status_code == 200, view


def test_for_another_tenant_they_do_not_exist(session: Transaction, charlie: User) -> None:
    client = office(charlie)
    for view in [*STATION_VIEWS, "readings_energy"]:
        assert client.get(station_url(session.charge_point, view), {"period": "day"}).status_code == 404, view
    for view in SESSION_VIEWS:
        assert client.get(session_url(session, view)).status_code == 404, view


def test_nobody_reads_without_signing_in(session: Transaction) -> None:
    for url in (station_url(session.charge_point), session_url(session, "readings_csv")):
        assert Client().get(url).status_code == 302


def test_the_page_links_to_its_tabs_and_back(session: Transaction, bob: User) -> None:
    client = office(bob)
    home = reverse("admin:chargepoints_chargepoint_change", args=[session.charge_point_id])
    readings = station_url(session.charge_point, "readings")
    assert f'href="{readings}"' in client.get(home).content.decode()
    shown = client.get(readings).content.decode()
    assert f'href="{home}"' in shown
    for title in ("Power", "Current", "Voltage", "State of charge", "Temperature", "Energy register"):
        assert title in shown


def test_a_station_without_readings_says_what_to_expect(station: ChargePoint, bob: User) -> None:
    assert "No readings yet" in office(bob).get(station_url(station, "readings")).content.decode()


def test_lines_are_in_the_units_of_people(session: Transaction, bob: User, now: datetime) -> None:
    data = body(office(bob), station_url(session.charge_point), hours=6, connector=1)
    power = data["charts"]["power"]
    assert (power["unit"], [line["label"] for line in power["lines"]]) == ("kW", ["Import"])
    assert power["lines"][0]["points"][0] == [int((now - 2 * HOUR).timestamp() * 1000), 11]
    assert [line["label"] for line in data["charts"]["current"]["lines"]] == ["Import L1", "Import L2", "Import L3"]
    assert data["charts"]["soc"]["unit"] == "%"
    assert data["charts"]["temperature"]["lines"][0]["label"] == "Temperature (Body)"
    assert data["end"] - data["start"] == 6 * 3600 * 1000


def test_a_range_is_drawn_as_asked_for(session: Transaction, bob: User, now: datetime) -> None:
    start, end = now - HOUR, now - HOUR + 10 * MINUTE
    data = body(office(bob), station_url(session.charge_point), start=start.isoformat(), end=end.isoformat())
    assert len(data["charts"]["power"]["lines"][0]["points"]) == 10
    assert (data["start"], data["end"]) == (start.timestamp() * 1000, end.timestamp() * 1000)


def test_other_measurands_are_drawn_by_name(session: Transaction, bob: User, now: datetime) -> None:
    frequency = make_series(session.charge_point, "Frequency", unit="Hz")
    add_samples(frequency, *every(MINUTE, now - HOUR, now, lambda n: 50))
    data = body(office(bob), station_url(session.charge_point), other="Frequency")
    assert data["charts"]["other"]["unit"] == "Hz"
    assert len(data["charts"]["other"]["lines"][0]["points"]) == 60
    assert "Frequency" in office(bob).get(station_url(session.charge_point, "readings")).content.decode()


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"hours": "0"}, "hours"),
        ({"hours": "9601"}, "hours"),
        ({"hours": "x"}, "hours"),
        ({"connector": "-1"}, "connector"),
        ({"connector": "99999999999999999999"}, "connector"),
        ({"start": "2026-11-01T00:00:00Z"}, "end"),
        ({"end": "2026-11-01T00:00:00Z"}, "start"),
        ({"start": "yesterday", "end": "2026-11-01T00:00:00Z"}, "start"),
        ({"start": "2026-11-02T00:00:00Z", "end": "2026-11-01T00:00:00Z"}, "start"),
        ({"start": "0001-01-01T00:00:00+14:00", "end": "2026-11-01T00:00:00Z"}, "start"),
        ({"start": "2026-11-01T00:00:00Z", "end": "9999-12-31T23:59:59-14:00"}, "start"),
        ({"start": "2026-11-01T00:00:00Z", "end": "2026-11-01T00:00:01Z"}, "end"),
        ({"start": "2024-01-01T00:00:00Z", "end": "2026-11-01T00:00:00Z"}, "end"),
        ({"hours": "1", "start": "2026-11-01T00:00:00Z", "end": "2026-11-02T00:00:00Z"}, "hours"),
        ({"other": "x" * 51}, "other"),
        ({"other": "a\0b"}, "other"),
        ({"unknown": "1"}, "__all__"),
    ],
)
def test_wrong_parameters_are_refused_by_name(
    session: Transaction, bob: User, parameters: dict[str, str], field: str
) -> None:
    client = office(bob)
    for url in (
        station_url(session.charge_point),
        station_url(session.charge_point, "readings_csv"),
        session_url(session),
    ):
        answer = client.get(url, parameters)
        assert answer.status_code == 400, url
        errors = answer.json()["errors"]
        assert list(errors) == [field]
        assert all(errors[field])
    assert client.get(station_url(session.charge_point, "readings"), parameters).status_code == 200


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({}, "period"),
        ({"period": "year"}, "period"),
        ({"period": "day", "day": "1.1.2026"}, "day"),
        ({"period": "day", "day": "0001-01-01"}, "day"),
        ({"period": "day", "day": "9999-12-31"}, "day"),
        ({"period": "day", "connector": "x"}, "connector"),
        ({"period": "day", "hours": "1"}, "__all__"),
    ],
)
def test_wrong_parameters_of_bars_are_refused_by_name(
    station: ChargePoint, bob: User, parameters: dict[str, str], field: str
) -> None:
    answer = office(bob).get(station_url(station, "readings_energy"), parameters)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])


def test_a_wrong_cursor_is_refused(session: Transaction, bob: User) -> None:
    for cursor in ("x", "2026-11-01T00:00:00Z~1", "2026-11-01T00:00:00~1~2", "x" * 300):
        answer = office(bob).get(session_url(session, "readings_table"), {"cursor": cursor})
        assert answer.status_code == 400


def test_the_number_of_queries_does_not_grow(tenant: Tenant, station: ChargePoint, bob: User, now: datetime) -> None:
    client = office(bob)
    session = make_session(station, started_at=now - HOUR, start_received_at=now - HOUR)
    for measurand in (POWER, ENERGY, "SoC"):
        add_samples(make_series(station, measurand), (now - MINUTE, 70), transaction_id=session.pk)
    change = reverse("admin:chargepoints_transaction_change", args=[session.pk])
    urls = [*(station_url(station, view) for view in STATION_VIEWS[:-1]), session_url(session), change]
    urls.append(station_url(station, "readings_energy") + "?period=hour")

    def queries() -> list[int]:
        counts = []
        for url in urls:
            with CaptureQueriesContext(connections["default"]) as captured:
                assert client.get(url).status_code == 200
            counts.append(len(captured))
        return counts

    queries()
    few = queries()
    for number in range(2, 8):
        busy = make_station(tenant, f"CP{number}")
        make_busy(busy, now)
        for measurand in ("Voltage", "Current.Import", "SoC", "Frequency"):
            series = make_series(station, measurand, phase=f"L{number}")
            add_samples(series, *every(MINUTE, now - HOUR, now, lambda n: n), transaction_id=session.pk)
    assert queries() == few


def test_the_live_part_shows_the_last_readings(session: Transaction, bob: User) -> None:
    shown = office(bob).get(station_url(session.charge_point, "readings_live"), {"connector": 1}).content.decode()
    assert "Power.Active.Import" in shown
    assert "Sample.Periodic" in shown


def test_a_session_counts_energy_from_its_start(session: Transaction, bob: User) -> None:
    data = body(office(bob), session_url(session))
    energy = data["charts"]["energy"]["lines"][0]["points"]
    assert (energy[0][1], energy[-1][1]) == (0, 0.16 * 119)
    curve = data["charts"]["curve"]
    assert [(line["label"], line["axis"]) for line in curve["lines"]] == [
        ("Import", "left"),
        ("State of charge", "right"),
    ]
    assert (curve["unit"], curve["right"]) == ("kW", "%")


def test_a_sessions_chart_ends_with_its_stop(station: ChargePoint, bob: User, now: datetime) -> None:
    session = make_session(
        station, started_at=now - 2 * HOUR, start_received_at=now, stopped_at=now - HOUR, state="stopped"
    )
    make_busy(station, now)
    data = body(office(bob), session_url(session))
    last = data["charts"]["curve"]["lines"][0]["points"][-1]
    assert last[0] == (now - HOUR).timestamp() * 1000


def test_all_readings_of_a_session_are_paged_through_once(session: Transaction, bob: User) -> None:
    client, seen, cursor = office(bob), 0, ""
    for _page in range(30):
        context = client.get(session_url(session, "readings_table"), {"cursor": cursor} if cursor else {}).context
        seen += len(context["readings"])
        cursor = context["older"]
        if not cursor:
            break
    assert seen == 10 * 120


def test_a_session_without_readings_has_its_page_all_the_same(station: ChargePoint, bob: User) -> None:
    session = make_session(station)
    shown = office(bob).get(reverse("admin:chargepoints_transaction_change", args=[session.pk])).content.decode()
    assert "has sent no readings" in shown


def test_files_have_every_reading_of_the_range(session: Transaction, bob: User) -> None:
    client = office(bob)
    for url, count in (
        (session_url(session, "readings_csv"), 10 * 120),
        (f"{station_url(session.charge_point, 'readings_csv')}?hours=1", 10 * 60),
        (f"{station_url(session.charge_point, 'readings_csv')}?hours=6&connector=2", 0),
    ):
        answer = client.get(url)
        assert "attachment" in answer["Content-Disposition"]
        rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))  # type: ignore[attr-defined]
        assert abs(len(rows) - count) <= 10, url


def test_bars_come_with_words_in_the_tenants_calendar(station: ChargePoint, bob: User) -> None:
    with system_transaction():
        Tenant.objects.filter(pk=station.tenant_id).update(timezone="Europe/Berlin")
    first = datetime(2026, 9, 30, 22, tzinfo=UTC)
    add_bucket(station, first, first + 24 * HOUR, 12345, period=Period.DAY, estimated=True)
    data = body(office(bob), station_url(station, "readings_energy"), period="day", day="2026-10-15")
    assert (data["title"], data["previous"], data["next"]) == ("October 2026", "2026-09-30", "2026-11-01")
    assert data["bars"][0] == {
        "label": "1",
        "name": "Thursday, 1 October 2026",
        "energy": [12.345],
        "total": 12.345,
        "maxPower": 11,
        "meanPower": 7,
        "samples": 120,
        "source": "Register",
        "estimated": True,
        "provisional": False,
    }
    assert data["bars"][1]["total"] is None
    night = body(office(bob), station_url(station, "readings_energy"), period="hour", day="2026-10-25")
    assert [bar["label"] for bar in night["bars"]][1:5] == ["01:00", "02:00", "02:00", "03:00"]
    assert len({bar["name"] for bar in night["bars"]}) == 25


def test_there_is_no_later_than_now(station: ChargePoint, bob: User) -> None:
    for period in ("hour", "day", "week", "month"):
        data = body(office(bob), station_url(station, "readings_energy"), period=period)
        assert data["next"] is None
        assert sum(bar["provisional"] for bar in data["bars"]) == 1


def test_quarantined_and_signed_readings_are_listed(tenant: Tenant, station: ChargePoint, bob: User) -> None:
    now = timezone.now()
    shared = {"tenant": tenant, "charge_point": station, "evse_number": 1, "received_at": now}
    reading = {"at": "1970-01-01T00:00:00+00:00", "measurand": ENERGY, "value": "5", "unit": "Wh", "phase": ""}
    with system_transaction():
        bad = QuarantinedReading.objects.create(reason="clock", reading=reading, **shared)
        signed = SignedReading.objects.create(
            at=now, context=2, measurand=ENERGY, location="Outlet", content="<script>alert(1)</script>" * 5, **shared
        )
    client = office(bob)
    listed = client.get(reverse("admin:metering_quarantinedreading_changelist"), {"reason": "clock"}).content.decode()
    assert "1970-01-01" in listed
    assert "clock" in client.get(reverse("admin:metering_quarantinedreading_change", args=[bad.pk])).content.decode()
    listed = client.get(reverse("admin:metering_signedreading_changelist"), {"q": "CP1"}).content.decode()
    assert "&lt;script&gt;" in listed
    assert "<script>alert" not in listed
    page = client.get(reverse("admin:metering_signedreading_change", args=[signed.pk])).content.decode()
    assert "&lt;script&gt;alert(1)" in page
    assert client.post(reverse("admin:metering_signedreading_change", args=[signed.pk])).status_code == 403


def test_hostile_words_of_a_station_stay_words(station: ChargePoint, bob: User, now: datetime) -> None:
    evil = '</script><img src=x onerror="alert(1)">'
    add_samples(make_series(station, evil[:50], phase="<b>", unit="<i>"), (now - MINUTE, 1))
    client = office(bob)
    for view in ("readings", "readings_live"):
        assert "<img" not in client.get(station_url(station, view)).content.decode()


def test_sections_and_views_are_registered_once() -> None:
    with pytest.raises(ValueError, match="already"):
        sections.register_section("transaction", "curve")(lambda request, row: "")
    with pytest.raises(ValueError, match="already"):
        sections.register_view("charge_point", "x/", name="charge_point_readings")(lambda request, row: None)  # type: ignore[arg-type,return-value]


def test_a_deleted_station_takes_its_readings_page_along(tenant: Tenant, station: ChargePoint, bob: User) -> None:
    url = station_url(station)
    client = office(bob)
    with tenant_transaction(tenant.pk):
        station.delete()
    assert client.get(url).status_code == 404
