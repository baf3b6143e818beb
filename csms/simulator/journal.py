"""What the server acknowledged, line by line: chaos tests compare it with the database."""

import json
from pathlib import Path
from typing import Any


class Journal:
    """JSON lines; each is on its way to the disk before the station goes on."""

    def __init__(self, path: Path | None) -> None:
        self._file = path.open("a") if path else None

    def acknowledged(self, station: str, action: str, request: dict[str, Any], answer: dict[str, Any]) -> None:
        if self._file is not None:
            line = {"station": station, "action": action, "request": request, "answer": answer}
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
