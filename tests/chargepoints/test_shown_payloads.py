"""Addresses that stations are sent hold passwords and tokens; nobody reads them in what is shown."""

import json
from typing import Any

import pytest

from chargepoints.gateway.message_log import mask
from chargepoints.services.shown_payloads import shown_payload

HIDDEN = [
    ({"location": "ftp://joe:secret@files.example.com/a"}, {"location": "ftp://joe:***@files.example.com/a"}),
    ({"location": "https://x.example/f?sig=secret"}, {"location": "https://x.example/f?***"}),
    (
        {"log": {"remoteLocation": "https://csms.example/station-files/secret/"}},
        {"log": {"remoteLocation": "https://csms.example/station-files/***/"}},
    ),
    ({"firmware": {"location": "https://csms.example/station-files/secret/f.bin"}, "requestId": 1}, None),
    ({"location": "http://[secret"}, {"location": "***"}),
]


@pytest.mark.parametrize(("payload", "shown"), HIDDEN)
def test_no_address_gives_its_secret_away(payload: dict[str, Any], shown: dict[str, Any] | None) -> None:
    before = json.dumps(payload)
    assert "secret" not in str(shown_payload(payload))
    assert shown is None or shown_payload(payload) == shown
    assert json.dumps(payload) == before
    frame = mask(json.dumps([2, "id", "Any", payload]))
    assert "secret" not in frame
    assert json.loads(frame)[3] == shown_payload(payload)


def test_the_rest_stays_as_it_is() -> None:
    payload = {"key": "Location", "value": "ftp://a:b@c/", "list": [{"limit": 1.5}], "location": 5}
    assert shown_payload(payload) == payload
