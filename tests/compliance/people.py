"""The operator's side of a case: someone at the REST API."""

import asyncio
from typing import Any

from rest_framework.test import APIClient

from tests.conftest import eventually

BASE = "/api/v1"
WAIT_S = 10


class Operator:
    """Calls run in threads: the gateway lives on the test's own event loop."""

    def __init__(self, client: APIClient) -> None:
        self.client = client

    async def ask(
        self, method: str, path: str, body: Any = None, *, status: int | None = None, form: str = "json"
    ) -> Any:
        """The answer's `data`. `status`: what it has to be; else any success."""
        given: dict[str, Any] = {} if body is None else {"data": body, "format": form}
        answer = await asyncio.to_thread(getattr(self.client, method), f"{BASE}/{path}", **given)
        good = answer.status_code == status if status else 200 <= answer.status_code < 300
        assert good, (answer.status_code, answer.content[:1000])
        return answer.json().get("data") if answer.content else None

    async def get(self, path: str) -> Any:
        return await self.ask("get", path)

    async def post(self, path: str, body: Any = None, *, status: int | None = None) -> Any:
        return await self.ask("post", path, {} if body is None else body, status=status)

    async def download(self, path: str) -> bytes:
        """A file that is streamed."""
        answer: Any = await asyncio.to_thread(self.client.get, f"{BASE}/{path}")
        return b"".join(answer.streaming_content)

    # --- what there is ---

    async def add_tag(self, id_tag: str = "TAG", **fields: Any) -> str:
        await self.post("id-tags", {"idTag": id_tag, **fields})
        return id_tag

    async def station(self) -> Any:
        return await self.get("chargepoints/CP1")

    async def connector(self, number: int = 1) -> Any:
        """As shown to people: status and error code."""
        rows = await self.get("chargepoints/CP1/connectors")
        return next(row for row in rows if row["connectorId"] == number)

    async def sessions(self) -> list[Any]:
        """All, newest first."""
        rows: list[Any] = await self.get("transactions?chargePointId=CP1")
        return rows

    async def session(self) -> Any:
        """The only one."""
        [row] = await self.sessions()
        return row

    async def session_count(self) -> int:
        return len(await self.sessions())

    async def event(self, event_type: str, **wanted: Any) -> Any:
        """The data of the first event of the type that says this; the feed may come a moment later."""

        async def there() -> Any:
            rows = [row["data"] for row in await self.get("events?limit=1000") if row["eventType"] == event_type]
            return next((data for data in rows if wanted.items() <= data.items()), None)

        return await eventually(there)

    # --- commands ---

    async def tell(self, command: str, body: Any = None, *, status: int = 202) -> Any:
        """A command below the charge point, as it stands once the station has answered."""
        return await self.post(f"chargepoints/CP1/{command}?wait={WAIT_S}", body, status=status)

    async def call(self, action: str, payload: Any = None) -> Any:
        """Any action of the charge point's version."""
        return await self.tell("call", {"action": action, "payload": payload or {}})

    async def outcome(self, command: Any, wanted: str) -> Any:
        """The command, once it has this outcome."""

        async def there() -> Any:
            row = await self.get(f"commands/{command['commandId']}")
            return row if row["outcome"] == wanted else None

        return await eventually(there)
