"""What the server acknowledged and what it asked for, line by line: chaos tests compare it with the database."""

import json
from pathlib import Path
from typing import Any


class Journal:
    """JSON lines; each is on its way to the disk before the station goes on."""

    def __init__(self, path: Path | None) -> None:
        self._file = path.open("a") if path else None

    def acknowledged(self, station: str, action: str, request: dict[str, Any], answer: dict[str, Any]) -> None:
        """A transaction message of the station's that the server has answered."""
        self._write({"station": station, "action": action, "request": request, "answer": answer})

    def asked(self, station: str, message_id: str, action: str, request: dict[str, Any]) -> None:
        """A call of the server's came in: noted before it is obeyed."""
        self._write({"station": station, "asked": message_id, "action": action, "request": request})

    def answered(self, station: str, message_id: str, answer: dict[str, Any]) -> None:
        """The station's answer to it has been handed to the socket: whether it arrives the station can't know."""
        self._write({"station": station, "answered": message_id, "answer": answer})

    def _write(self, line: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
