"""A station's charging sessions: plug in, authorize, start, sample, stop, unplug; by hand or from the server."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import websockets
from ocpp.v16 import call

from csms.simulator.car import random_car
from csms.simulator.connector import Connector, Session, now_text
from csms.simulator.limits import Profile
from csms.simulator.wire import Queued

if TYPE_CHECKING:
    from csms.simulator.station import Station


class Sessions:
    """What happens between a car's coming and its going; messages of transactions go through the queue."""

    def __init__(self, station: "Station") -> None:
        self.station = station

    async def plug_in(
        self,
        connector: Connector,
        tag: str | None = None,
        *,
        authorize: bool = True,
        profile: Profile | None = None,
    ) -> None:
        """A car comes; its driver shows a tag (one of the fleet's if none is named)."""
        station = self.station
        token = tag or station.rng.choice(station.settings.tags)
        if not station.reservations.allows(connector.number, token):
            return
        station.show_status(connector, "Preparing")
        await asyncio.sleep(station.rng.uniform(0.5, 3) / station.settings.speed)
        known = station.local_list.verdict(token) if authorize else None
        if known == "Accepted" and station.configuration.values["LocalPreAuthorize"] == "true":
            authorize = False
        elif known not in (None, "Accepted") and station.link is None:
            station.show_status(connector, station.answers.idle_status(connector))
            return
        if authorize and station.link is not None:
            with contextlib.suppress(OSError, websockets.WebSocketException):
                answer = await station.call(call.Authorize(id_tag=token))
                if answer is not None and answer.id_tag_info["status"] != "Accepted":
                    station.show_status(connector, station.answers.idle_status(connector))
                    return
        if connector.session is None:
            self.begin(connector, token)
            station.charging.begin_session(connector, profile)

    def begin(self, connector: Connector, token: str) -> None:
        """Start charging; the start is queued with the register of this moment."""
        station, speed = self.station, self.station.settings.speed
        session = Session(
            id_tag=token,
            car=random_car(connector.outlet, station.rng),
            started_at=datetime.now(UTC),
            meter_start=int(connector.register_wh),
            ends_at=datetime.now(UTC) + timedelta(seconds=station.rng.uniform(300, 5400) / speed),
        )
        connector.session = session
        station.counters.sessions += 1
        station.show_status(connector, "Charging")
        request = call.StartTransaction(
            connector_id=connector.number,
            id_tag=token,
            meter_start=session.meter_start,
            timestamp=now_text(),
            reservation_id=station.reservations.use(connector.number, token),
        )

        def started(answer: Any) -> None:
            session.transaction_id = answer.transaction_id
            if answer.id_tag_info["status"] != "Accepted" and connector.session is session:
                self.stop(connector, "DeAuthorized")

        station.wire.enqueue(Queued("StartTransaction", lambda: request, started))

    def take_sample(self, connector: Connector) -> None:
        """Queue a MeterValues of the running session."""
        session = connector.session
        assert session is not None  # noqa: S101 (the caller looked)
        sample = connector.sampled(self.station.configuration.measurands())
        if not sample["sampled_value"]:
            return
        self.station.wire.enqueue(
            Queued(
                "MeterValues",
                lambda: call.MeterValues(
                    connector_id=connector.number, transaction_id=session.transaction_id, meter_value=[sample]
                ),
            )
        )

    def stop(self, connector: Connector, reason: str) -> None:
        """End the session, if there is one: the stop is queued with the register of this moment."""
        session = connector.session
        if session is None:
            return
        connector.session, connector.power_w = None, 0.0
        stopped, meter_stop = now_text(), int(connector.register_wh)
        end = connector.sampled(["Energy.Active.Import.Register"], "Transaction.End")
        self.station.charging.end_session(connector)
        self.station.wire.enqueue(
            Queued(
                "StopTransaction",
                lambda: call.StopTransaction(
                    meter_stop=meter_stop,
                    timestamp=stopped,
                    transaction_id=session.transaction_id,
                    id_tag=session.id_tag,
                    reason=reason,
                    transaction_data=[end],
                ),
            )
        )
        self.station.show_status(connector, "Finishing")
        self.station.spawn(self._unplug(connector))

    async def _unplug(self, connector: Connector) -> None:
        await asyncio.sleep(self.station.rng.uniform(1, 4) / self.station.settings.speed)
        if connector.session is None:
            self.station.show_status(connector, self.station.answers.idle_status(connector))

    # --- what the server asks for ---

    def remote_start(self, id_tag: str, number: int | None, profile: Profile | None) -> str:
        """The word of OCPP; the car is there at once."""
        station = self.station
        free = [
            one
            for one in station.connectors
            if one.session is None
            and one.available
            and number in (None, one.number)
            and station.reservations.allows(one.number, id_tag)
        ]
        if not free:
            return "Rejected"
        asks_first = station.configuration.values["AuthorizeRemoteTxRequests"] == "true"
        station.spawn(self.plug_in(free[0], id_tag, authorize=asks_first, profile=profile))
        return "Accepted"

    def remote_stop(self, transaction_id: int) -> str:
        """The word of OCPP; the session ends a moment later."""
        for connector in self.station.connectors:
            if connector.session is not None and connector.session.transaction_id == transaction_id:
                self.station.spawn(self._stop_soon(connector))
                return "Accepted"
        return "Rejected"

    async def _stop_soon(self, connector: Connector) -> None:
        await asyncio.sleep(0.2)
        self.stop(connector, "Remote")
