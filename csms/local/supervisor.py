"""Runs the processes of the Procfile and brings back any that dies.

honcho parses the Procfile and colours the output; its own manager ends everything when one process ends,
whereas here a killed PostgreSQL, Redis, gateway or worker must come back by itself.
"""

import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from subprocess import Popen
from typing import Any

from honcho.colour import get_colours
from honcho.environ import parse_procfile
from honcho.printer import Message, Printer

from csms.local import process

FIRST_DELAY_S, LONGEST_DELAY_S = 0.5, 10.0
# A process that has run this long has started well: its next death starts the delays anew.
STEADY_S = 30.0

Spawn = Callable[[], "Popen[str]"]


class Watched:
    """One process that has to run."""

    def __init__(self, name: str, spawn: Spawn, colour: str | None) -> None:
        self.name, self.spawn, self.colour = name, spawn, colour
        self.child: Popen[str] | None = None
        self.started_at = 0.0
        self.delay_s = FIRST_DELAY_S
        self.due_at = 0.0


class Supervisor:
    """Start, watch, restart, stop. All children are started from the main thread (see process.start)."""

    def __init__(self) -> None:
        self.watched: list[Watched] = []
        self._printer = Printer(sys.stdout, width=9)
        self._printing = threading.Lock()
        self._colours = get_colours()

    def add(self, name: str, spawn: Spawn, child: "Popen[str] | None" = None) -> None:
        """Watch a process: start it now, or take over one that runs."""
        watched = Watched(name, spawn, next(self._colours))
        self.watched.append(watched)
        if child is None:
            self._start(watched)
        else:
            watched.child, watched.started_at = child, time.monotonic()

    def say(self, text: str, name: str = "run") -> None:
        """A line of our own among theirs."""
        self._print(name, None, text)

    def watch_once(self) -> None:
        """Bring back what has died, when it is due."""
        now = time.monotonic()
        for watched in self.watched:
            if watched.child is None:
                if now >= watched.due_at:
                    self._start(watched)
                continue
            code = watched.child.poll()
            if code is None:
                continue
            if now - watched.started_at > STEADY_S:
                watched.delay_s = FIRST_DELAY_S
            self.say(f"{watched.name} ended ({_how(code)}), starting it again in {watched.delay_s:g} s")
            watched.child, watched.due_at = None, now + watched.delay_s
            watched.delay_s = min(watched.delay_s * 2, LONGEST_DELAY_S)

    def stop_all(self, patience_s: float = 15.0) -> None:
        """End all watched processes at once, the patient way first."""
        running = [watched.child for watched in self.watched if watched.child is not None]
        for child in running:
            if child.poll() is None:
                child.terminate()
        deadline = time.monotonic() + patience_s
        for child in running:
            process.stop(child, patience_s=max(0.1, deadline - time.monotonic()))
        self.watched.clear()

    def _start(self, watched: Watched) -> None:
        watched.child, watched.started_at = watched.spawn(), time.monotonic()
        if watched.child.stdout is not None:
            threading.Thread(target=self._copy, args=(watched, watched.child.stdout), daemon=True).start()

    def _copy(self, watched: Watched, lines: Any) -> None:
        for line in lines:
            self._print(watched.name, watched.colour, line)

    def _print(self, name: str, colour: str | None, text: str) -> None:
        with self._printing:
            self._printer.write(
                Message(type="line", data=text.rstrip("\n") + "\n", time=datetime.now(), name=name, colour=colour)  # noqa: DTZ005
            )
            sys.stdout.flush()


def procfile_spawns(procfile: Path, env: Mapping[str, str], without: set[str]) -> dict[str, Spawn]:
    """How to start each process of the Procfile."""
    commands: dict[str, str] = parse_procfile(procfile.read_text()).processes
    root = procfile.parent
    return {
        name: lambda command=command: process.start(  # type: ignore[misc]
            # exec: the shell makes way, so that signals reach the process itself.
            ["/bin/sh", "-c", f"exec {command}"],
            env=env,
            cwd=root,
        )
        for name, command in commands.items()
        if name not in without
    }


def _how(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit {code}"
