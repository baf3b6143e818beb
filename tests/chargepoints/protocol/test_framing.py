"""Frames as text: what is read, what is bad, and whether it may be answered."""

import json

import pytest

from chargepoints.protocol.errors import Code, spell
from chargepoints.protocol.framing import (
    BadFrame,
    Call,
    CallError,
    CallResult,
    Frame,
    decode,
    encode_call,
    encode_error,
    encode_result,
)


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ('[2,"1","Heartbeat",{}]', Call("1", "Heartbeat", {})),
        ('[2,"1","Heartbeat"]', Call("1", "Heartbeat", {})),
        ('[2,17,"Heartbeat",{}]', Call("17", "Heartbeat", {})),
        ('[3,"1",{"a":1}]', CallResult("1", {"a": 1})),
        ('[3,"1",null]', CallResult("1", {})),
        ('[3,"1"]', CallResult("1", {})),
        ('[4,"1","GenericError","no",{"a":1}]', CallError("1", "GenericError", "no", {"a": 1})),
        ('[4,"1","GenericError"]', CallError("1", "GenericError", "", {})),
        ('[4,"1",null,null,null]', CallError("1", "GenericError", "", {})),
        ('[4,"1","GenericError","' + "x" * 400 + '"]', CallError("1", "GenericError", "x" * 255, {})),
        ('[2,"' + "i" * 100 + '","Heartbeat",{}]', Call("i" * 100, "Heartbeat", {})),
        ('[2,"1","A",{"a":"\\u0000\\u0000x"}]', Call("1", "A", {"a": "x"})),
        ('[2,"1","A",{"a":"\\\\u0000"}]', Call("1", "A", {"a": "\\u0000"})),
    ],
)
def test_frames_are_read_in_the_forms_that_stations_send(text: str, frame: Frame) -> None:
    assert decode(text) == frame


@pytest.mark.parametrize(
    ("text", "message_id", "code"),
    [
        ("", None, Code.RPC_FRAMEWORK),
        ("hello", None, Code.RPC_FRAMEWORK),
        ("{}", None, Code.RPC_FRAMEWORK),
        ("[]", None, Code.MESSAGE_TYPE),
        ("[2]", None, Code.RPC_FRAMEWORK),
        ('[2,"","A",{}]', None, Code.RPC_FRAMEWORK),
        ('[2,null,"A",{}]', None, Code.RPC_FRAMEWORK),
        ('[2,true,"A",{}]', None, Code.RPC_FRAMEWORK),
        ('[true,"1","A",{}]', "1", Code.MESSAGE_TYPE),
        ('[9,"1","A",{}]', "1", Code.MESSAGE_TYPE),
        ('["2","1","A",{}]', "1", Code.MESSAGE_TYPE),
        ('[2,"1"]', "1", Code.RPC_FRAMEWORK),
        ('[2,"1",5,{}]', "1", Code.RPC_FRAMEWORK),
        ('[2,"1","A",{},{}]', "1", Code.RPC_FRAMEWORK),
        ('[2,"1","A",[]]', "1", Code.FORMAT),
        ('[2,"1","A","{}"]', "1", Code.FORMAT),
        ('[2,"1","A",{"a":NaN}]', None, Code.RPC_FRAMEWORK),
        ('[2,"1","A",{"a":Infinity}]', None, Code.RPC_FRAMEWORK),
        ('[2,"1","A",{"a":1e999}]', None, Code.RPC_FRAMEWORK),
        ('[2,"1","A",{"a":"\\ud800"}]', None, Code.RPC_FRAMEWORK),
    ],
)
def test_a_broken_call_is_bad_with_its_id_where_it_has_one(text: str, message_id: str | None, code: Code) -> None:
    with pytest.raises(BadFrame) as bad:
        decode(text)
    assert (bad.value.message_id, bad.value.code, bad.value.answerable) == (message_id, code, True)
    assert spell(bad.value.code, "1.6") == "FormationViolation"


def test_deep_nesting_with_a_nul_in_it_is_no_recursion_of_ours() -> None:
    """The NUL was once taken out by walking down, which ended the socket with a RecursionError."""
    deep = '{"a":' * 900 + '"x\\u0000"' + "}" * 900
    frame = decode(f'[2,"1","A",{deep}]')
    assert isinstance(frame, Call)
    with pytest.raises(BadFrame):
        decode(f'[2,"1","A",{deep.replace("900", "5")}' + "[" * 100_000)


def test_encoded_frames_are_read_back() -> None:
    assert decode(encode_call("1", "Reset", {"type": "Soft"})) == Call("1", "Reset", {"type": "Soft"})
    assert decode(encode_result("1", {"a": "ü"})) == CallResult("1", {"a": "ü"})
    assert decode(encode_error("1", "InternalError", "no", {})) == CallError("1", "InternalError", "no", {})


def test_an_error_with_details_that_are_no_json_is_sent_without_them() -> None:
    assert json.loads(encode_error("1", "InternalError", "no", {"a": object()}))[4] == {}
