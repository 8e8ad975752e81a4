"""The demo's own processes: `crossdock sandbox` and `crossdock run`, each as a person would start it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any, Final

from crossdock.core import json
from crossdock.core.errors import CrossdockError

PROGRAM: Final = (sys.executable, "-c", "from crossdock.cli.demo.children import begin; begin()")
STARTS_WITHIN_S: Final = 60.0
STOPS_WITHIN_S: Final = 15.0
ENDS_WITHIN_S: Final = 1.0
LAST_LINES: Final = 15


def begin() -> None:
    """A child's whole life. Its stdin is a pipe that ends with the demo, also where that was killed: it stops, too."""
    from crossdock.cli.main import run

    def watch() -> None:
        os.read(0, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="demo", daemon=True).start()
    run()


class Child:
    """`crossdock ARGUMENTS`, told apart from the terminal so that Ctrl-C ends the demo first and then its children.
    What it says on stderr goes to `log`."""

    def __init__(self, process: Process, log: Path, what: str) -> None:
        self._process = process
        self._log = log
        self._what = what
        self._reading = asyncio.Lock()

    @classmethod
    async def start(cls, *arguments: str, log: Path) -> Child:
        with log.open("ab") as stderr:
            process = await asyncio.create_subprocess_exec(
                *PROGRAM, *arguments, stdin=PIPE, stdout=PIPE, stderr=stderr, start_new_session=True
            )
        return cls(process, log, f"crossdock {arguments[0]}")

    @property
    def pid(self) -> int:
        return self._process.pid

    async def line(self) -> Any:
        """The next JSON line that it prints. Raises CrossdockError: it ended, or says nothing."""
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(STARTS_WITHIN_S):
                line = await self._process.stdout.readline()
        except TimeoutError:
            raise CrossdockError(f"`{self._what}` says nothing", hint=self._last_words()) from None
        if not line:
            raise CrossdockError(f"`{self._what}` ended", hint=self._last_words())
        return self._understood(line)

    async def kill(self) -> None:
        """kill -9."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def stop(self) -> None:
        """Gently, and for certain. May be called twice."""
        if self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(STOPS_WITHIN_S):
                await self._process.wait()
        except TimeoutError:
            await self.kill()
        except asyncio.CancelledError:
            await asyncio.shield(self.kill())
            raise

    async def check(self) -> None:
        """Raises CrossdockError when it has ended by itself, with what it said about that."""
        if self._process.returncode is None:
            return
        assert self._process.stdout is not None
        async with self._reading:
            for line in (await self._process.stdout.read()).splitlines():
                self._understood(line)
        raise CrossdockError(f"`{self._what}` ended", hint=self._last_words())

    async def silent(self) -> CrossdockError:
        """Why it does not answer: it has ended, which may become known a moment later than its silence, or is stuck.
        Raises CrossdockError in the first case."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ENDS_WITHIN_S):
                await self._process.wait()
        await self.check()
        return CrossdockError(f"`{self._what}` does not answer", hint=self._last_words())

    def _understood(self, line: bytes) -> Any:
        said = json.decode(line)
        if isinstance(said, dict) and "error" in said:
            raise CrossdockError(f"`{self._what}`: {said['error']}", hint=str(said.get("hint", "")))
        return said

    def _last_words(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-LAST_LINES:])
