"""From a CALL to its answer: refusals, handlers on the loop and in a thread, and what follows the answer."""

import asyncio
import json
import threading
from dataclasses import dataclass
from typing import Any

import pytest
from structlog.testing import capture_logs

from chargepoints.protocol.dispatcher import Outcome, answer, run_after
from chargepoints.protocol.errors import Code, OcppError
from chargepoints.protocol.framing import Call
from chargepoints.protocol.registry import Registry

TIME = {"currentTime": "2026-11-20T10:00:00Z"}


@dataclass
class Station:
    version: str = "1.6"
    lenient: bool = True
    accepted: bool = True


@pytest.fixture
def handlers() -> Registry:
    """No handler but those of the test."""
    return Registry()


async def ask(handlers: Registry, action: str = "Heartbeat", station: Any = None, **payload: Any) -> Outcome:
    return await answer(Call("m1", action, payload), station or Station(), asyncio.to_thread, handlers)


@pytest.mark.parametrize(
    ("action", "code"), [("MakeCoffee", "NotImplemented"), ("Reset", "NotSupported"), ("../../etc", "NotImplemented")]
)
async def test_actions_without_an_answerer_are_told_apart(handlers: Registry, action: str, code: str) -> None:
    outcome = await ask(handlers, action)
    assert json.loads(outcome.text)[:3] == [4, "m1", code]
    assert outcome.error_code == code
    assert outcome.reply is None


async def test_a_plain_function_runs_in_a_thread_and_a_coroutine_on_the_loop(handlers: Registry) -> None:
    threads: list[int] = []

    @handlers.on_call("1.6", "Heartbeat")
    def plain(context: Any, payload: Any) -> dict[str, Any]:
        threads.append(threading.get_ident())
        return TIME

    @handlers.on_call("1.6", "MeterValues")
    async def on_loop(context: Any, payload: Any) -> dict[str, Any]:
        threads.append(threading.get_ident())
        return {}

    assert json.loads((await ask(handlers)).text) == [3, "m1", TIME]
    sample = {"timestamp": "2026-11-20T10:00:00Z", "sampledValue": [{"value": "1"}]}
    assert json.loads((await ask(handlers, "MeterValues", connectorId=1, meterValue=[sample])).text) == [3, "m1", {}]
    assert threads[0] != threading.get_ident() == threads[1]


async def test_an_unaccepted_station_may_only_boot_and_its_handler_is_not_run(handlers: Registry) -> None:
    ran: list[str] = []

    @handlers.on_call("1.6", "Heartbeat")
    async def heartbeat(context: Any, payload: Any) -> dict[str, Any]:
        ran.append("heartbeat")
        return TIME

    @handlers.on_call("1.6", "BootNotification")
    async def boot(context: Any, payload: Any) -> dict[str, Any]:
        return {"status": "Pending", "interval": 60, **TIME}

    pending = Station(accepted=False)
    assert (await ask(handlers, station=pending)).error_code == "SecurityError"
    booted = await ask(handlers, "BootNotification", pending, chargePointVendor="V", chargePointModel="M")
    assert booted.error_code == ""
    assert ran == []


async def test_a_payload_that_breaks_its_schema_reaches_no_handler(handlers: Registry) -> None:
    handlers.on_call("1.6", "Authorize")(lambda context, payload: pytest.fail("called"))
    outcome = await ask(handlers, "Authorize")
    assert outcome.error_code == "OccurenceConstraintViolation"
    assert "idTag" in json.loads(outcome.text)[3]


async def test_the_handler_gets_what_was_mended_and_the_notes_come_out(handlers: Registry) -> None:
    got: list[Any] = []

    @handlers.on_call("1.6", "Authorize")
    async def authorize(context: Any, payload: Any) -> dict[str, Any]:
        got.append(payload)
        return {"idTagInfo": {"status": "Accepted"}}

    outcome = await ask(handlers, "Authorize", idTag=1234)
    assert got == [{"idTag": "1234"}]
    assert outcome.violations == ["idTag: number read as text"]
    assert outcome.payload == {"idTag": "1234"}


async def test_a_refusal_by_the_handler_is_spelled_for_the_version(handlers: Registry) -> None:
    @handlers.on_call("1.6", "Heartbeat")
    async def refuse(context: Any, payload: Any) -> dict[str, Any]:
        raise OcppError(Code.OCCURRENCE, "x" * 400, {"odd": object()})

    kind, message_id, code, description, details = json.loads((await ask(handlers)).text)
    assert (kind, message_id, code, details) == (4, "m1", "OccurenceConstraintViolation", {})
    assert len(description) == 255


async def test_a_fault_of_ours_is_logged_with_the_message_and_tells_the_station_nothing(handlers: Registry) -> None:
    @handlers.on_call("1.6", "Heartbeat")
    def fail(context: Any, payload: Any) -> dict[str, Any]:
        raise RuntimeError("password=secret")

    with capture_logs() as logs:
        outcome = await ask(handlers)
    assert outcome.error_code == "InternalError"
    assert "secret" not in outcome.text
    assert "Traceback" not in outcome.text
    assert (logs[0]["action"], logs[0]["message_id"], logs[0]["log_level"]) == ("Heartbeat", "m1", "error")


@pytest.mark.parametrize(("checked", "code"), [(True, "InternalError"), (False, "")])
async def test_our_own_reply_is_held_against_its_schema_where_asked(
    handlers: Registry, checked: bool, code: str
) -> None:
    handlers.on_call("1.6", "Heartbeat")(lambda context, payload: {"now": 1})
    handlers.check_replies = checked
    with capture_logs():
        assert (await ask(handlers)).error_code == code


async def test_a_reply_that_is_no_json_is_an_internal_error(handlers: Registry) -> None:
    handlers.on_call("1.6", "Heartbeat")(lambda context, payload: {"currentTime": object()})
    with capture_logs():
        assert (await ask(handlers)).error_code == "InternalError"


async def test_a_long_message_id_is_answered_as_it_came_and_noted(handlers: Registry) -> None:
    handlers.on_call("1.6", "Heartbeat")(lambda context, payload: TIME)
    outcome = await answer(Call("i" * 40, "Heartbeat", {}), Station(), asyncio.to_thread, handlers)
    assert json.loads(outcome.text)[1] == "i" * 40
    assert outcome.violations == ["the message id has 40 characters"]


async def test_what_follows_runs_in_order_and_one_failure_does_not_stop_the_next(handlers: Registry) -> None:
    steps: list[str] = []

    @handlers.on_call("1.6", "Heartbeat")
    async def heartbeat(context: Any, payload: Any) -> dict[str, Any]:
        steps.append("answer")
        return TIME

    @handlers.before_reply("1.6", "Heartbeat")
    def before(context: Any, payload: Any, reply: Any) -> None:
        steps.append("before")

    @handlers.after_call("1.6", "Heartbeat")
    def failing(context: Any, payload: Any, reply: Any) -> None:
        steps.append("failing")
        raise RuntimeError

    @handlers.after_call("1.6", "Heartbeat")
    async def last(context: Any, payload: Any, reply: Any) -> None:
        steps.append(reply["currentTime"])

    outcome = await ask(handlers)
    assert steps == ["answer", "before"]
    with capture_logs():
        await run_after(outcome, Station(), asyncio.to_thread)
    assert steps[2:] == ["failing", TIME["currentTime"]]


async def test_nothing_follows_a_refusal(handlers: Registry) -> None:
    handlers.on_call("1.6", "Authorize")(lambda context, payload: {})
    handlers.after_call("1.6", "Authorize")(lambda context, payload, reply: None)
    assert (await ask(handlers, "Authorize")).after == []


def test_two_answerers_of_one_name_in_one_module_are_told_apart() -> None:
    registry = Registry()

    def make(answer_with: str) -> Any:
        if answer_with == "a":

            def handler(context: Any, payload: Any) -> dict[str, Any]:
                return {"a": 1}
        else:

            def handler(context: Any, payload: Any) -> dict[str, Any]:
                return {"b": 1}

        return handler

    registry.on_call("1.6", "Heartbeat")(make("a"))
    registry.on_call("1.6", "Heartbeat")(make("a"))
    with pytest.raises(ValueError, match="is answered by"):
        registry.on_call("1.6", "Heartbeat")(make("b"))
