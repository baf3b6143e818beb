"""A hostile station on a live socket: whatever it sends, the socket that shouldn't die lives, and no handler fails."""

import asyncio
import contextlib
import json
import random
from typing import Any

import pytest
import websockets

from chargepoints.protocol.actions import actions_from_station
from chargepoints.protocol.validation import schema
from tenants.models import Tenant
from tests.stations import Connect

ODD: list[Any] = [
    *(None, True, False, 0, -1, 2**31, 2**63, 10**30, 1e308, -0.0, "", " ", "x" * 5000, "\u0000", "'; DROP TABLE x"),
    *("1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "2026-11-20T10:00:00Z"),
    *("NaN", "1e999999", "-5", [], {}, [[]], {"a": {"b": []}}),
]


def mutate(value: Any, rng: random.Random) -> Any:
    """Now and then something odd in place of a value; keys dropped, doubled, added."""
    if rng.random() < 0.15:
        return rng.choice(ODD)
    if isinstance(value, dict):
        changed = {key: mutate(inner, rng) for key, inner in value.items() if rng.random() > 0.05}
        return changed | ({"extra": rng.choice(ODD)} if rng.random() < 0.1 else {})
    if isinstance(value, list):
        return [mutate(inner, rng) for inner in value] * rng.choice([1, 1, 1, 3])
    return value


def example(part: dict[str, Any], rng: random.Random) -> Any:
    """A value that fits a schema, roughly."""
    kind = part.get("type")
    if "enum" in part:
        return rng.choice(part["enum"])
    if kind == "object":
        return {key: example(inner, rng) for key, inner in part.get("properties", {}).items()}
    if kind == "array":
        return [example(part["items"], rng)]
    if part.get("format") == "date-time":
        return "2026-11-20T10:00:00Z"
    return {"integer": rng.randint(0, 3), "number": 1.5, "boolean": True}.get(str(kind), "12")


@pytest.mark.parametrize("seed", range(4))
async def test_mutated_messages_never_end_the_socket_or_fail_a_handler(
    tenant: Tenant, connect: Connect, seed: int, settings: Any
) -> None:
    settings.GATEWAY_FRAMES_PER_SECOND = settings.GATEWAY_FRAME_BURST = 1_000_000
    rng = random.Random(seed)
    actions = sorted(actions_from_station("1.6"))
    async with connect(f"/ocpp/acme/FUZZ{seed}") as station:
        answers = []
        for number in range(120):
            action = rng.choice(actions)
            payload = mutate(example(schema("1.6", action), rng), rng)
            answers.append(await station.frame(action, payload, f"f{number}"))
        assert {answer[2] for answer in answers if answer[0] == 4 and answer[2] == "InternalError"} == set()
        await station.call("Heartbeat")


async def test_cut_and_random_text_never_ends_the_socket(tenant: Tenant, connect: Connect, settings: Any) -> None:
    settings.GATEWAY_FRAMES_PER_SECOND = settings.GATEWAY_FRAME_BURST = 1_000_000
    rng = random.Random(5)
    whole = json.dumps(
        [2, "id", "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"}]
    )
    async with connect() as station:
        for _ in range(200):
            await station.send(whole[: rng.randrange(len(whole))])
            await station.send("".join(chr(rng.choice([*range(1, 127), 0x1F600])) for _ in range(rng.randrange(80))))
        for hostile in (
            "[" * 30_000,
            '{"a":' * 10_000,
            f"[2,{'9' * 20_000},1,2]",
            '[2,"a","b",' + "[" * 900 + "]" * 900 + "]",
        ):
            await station.send(hostile)
        await station.call("Heartbeat")


async def test_ten_megabytes_end_only_the_socket_that_sent_them(tenant: Tenant, connect: Connect) -> None:
    async with connect("/ocpp/acme/GOOD") as good, connect("/ocpp/acme/BAD") as bad:
        with contextlib.suppress(websockets.ConnectionClosed):
            await bad.send('[2,"1","DataTransfer",{"vendorId":"' + "x" * 10_000_000 + '"}]')
        # 1006 where the connection was cut before the close frame could be read.
        assert await bad.closed() in {1009, 1006}
        await good.call("Heartbeat")


async def test_many_calls_without_waiting_are_all_answered_in_order(
    tenant: Tenant, connect: Connect, settings: Any
) -> None:
    settings.GATEWAY_FRAME_BURST = 10_000
    async with connect() as station:
        answers = await asyncio.gather(*(station.frame("Heartbeat", {}, f"h{number}") for number in range(300)))
    assert [answer[1] for answer in answers] == [f"h{number}" for number in range(300)]
