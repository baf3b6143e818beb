"""Microseconds per operation of the protocol code, next to a bare json.loads. Not a test: `scripts/bench protocol`."""

import argparse
import json
import timeit
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from chargepoints.protocol.answers import RecentAnswers, digest
from chargepoints.protocol.errors import OcppError
from chargepoints.protocol.framing import Call, decode, encode_result
from chargepoints.protocol.timestamps import read_timestamp
from chargepoints.protocol.validation import validate_call

NOW = "2026-11-20T10:00:00.123Z"
MEASURANDS = {"Energy.Active.Import.Register": "Wh", "Power.Active.Import": "W", "Current.Import": "A",
              "Voltage": "V", "SoC": "Percent"}  # fmt: skip


def meter_values(samples: list[dict[str, Any]]) -> dict[str, Any]:
    return {"connectorId": 1, "transactionId": 42, "meterValue": [{"timestamp": NOW, "sampledValue": samples}]}


def validate(text: str) -> None:
    """From the frame to a payload that fits, or a refusal."""
    frame = decode(text)
    assert isinstance(frame, Call)
    with suppress(OcppError):
        validate_call("1.6", frame.action, frame.payload, lenient=True)


def operations() -> dict[str, Callable[[], object]]:
    """What is measured, by name."""
    fitting = [{"value": "1234.5", "measurand": name, "unit": unit} for name, unit in MEASURANDS.items()]
    usual = json.dumps([2, "6f1c8c7e-0001", "MeterValues", meter_values(fitting)])
    broken = json.dumps([2, "1", "MeterValues", meter_values([{**sample, "value": 1.5} for sample in fitting])])
    hostile = {
        "refuse 64 KB of wrong items": meter_values([1] * 32_000),  # type: ignore[list-item]
        "refuse 64 KB of empty items": meter_values([{}] * 16_000),
        "mend 64 KB of numbers": meter_values([{"value": 1.5}] * 3_700),
        "mend 64 KB of extra fields": {**meter_values(fitting), **{f"x{number}": 1 for number in range(5_000)}},
    }
    frames = {name: json.dumps([2, "1", "MeterValues", payload]) for name, payload in hostile.items()}
    answers, call = RecentAnswers(), Call("1", "Authorize", {})
    return {
        "json.loads, 5 values": lambda: json.loads(usual),
        "decode, 5 values": lambda: decode(usual),
        "decode and validate, 5 values": lambda: validate(usual),
        "decode, mend and validate, 5 values": lambda: validate(broken),
        "read_timestamp": lambda: read_timestamp(NOW),
        "encode_result": lambda: encode_result("6f1c8c7e-0001", {"currentTime": NOW}),
        "digest": lambda: digest(usual),
        "keep and find an answer": lambda: (
            answers.keep(1, call, "d", "[3,1,{}]", 0.0),  # type: ignore[func-returns-value]
            answers.find(1, call, "d", 0.0),
        ),
        **{name: lambda text=text: validate(text) for name, text in frames.items()},  # type: ignore[misc]
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=0.2, help="how long each operation is repeated")
    seconds = parser.parse_args().seconds
    for name, operation in operations().items():
        operation()
        once = max(timeit.timeit(operation, number=3) / 3, 1e-7)
        number = max(3, int(seconds / once))
        best = min(timeit.repeat(operation, number=number, repeat=3)) / number
        print(f"{name:40} {best * 1e6:10.2f} us")


if __name__ == "__main__":
    main()
