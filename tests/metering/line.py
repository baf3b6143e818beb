"""A TCP line that a test can cut, silence or mend: how servers go away in the field."""

import asyncio
from typing import Self


class Line:
    """Forwards to a server. `refuse()`: connections break and are refused; `freeze()`: bytes stop, silently."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._answering = asyncio.Event()
        self._flowing.set()
        self._answering.set()
        self._refusing = False
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.close()
        self._cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def refuse(self) -> None:
        """As after a crash: open connections break, new ones end at once."""
        self._refusing = True
        self._cut()

    def freeze(self) -> None:
        """As with a hung host: nothing moves, nothing breaks."""
        self._flowing.clear()

    def swallow_answers(self) -> None:
        """What is sent arrives; what is answered is lost."""
        self._answering.clear()

    def mend(self) -> None:
        """All well again, for new connections; broken ones stay broken."""
        if not self._answering.is_set():
            self._cut()
        self._refusing = False
        self._answering.set()
        self._flowing.set()

    def _cut(self) -> None:
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        if self._refusing:
            writer.close()
            return
        server_reader, server_writer = await asyncio.open_connection(*self._target)
        self._writers |= {writer, server_writer}
        await asyncio.gather(
            self._pump(reader, server_writer, [self._flowing]),
            self._pump(server_reader, writer, [self._flowing, self._answering]),
            return_exceptions=True,
        )

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gates: list[asyncio.Event]
    ) -> None:
        try:
            while data := await reader.read(65536):
                for gate in gates:
                    await gate.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            return
        finally:
            writer.close()
